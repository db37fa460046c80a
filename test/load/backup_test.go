package load

import (
	"io"
	"net/http"
	"path/filepath"
	"testing"

	"orderengine/eventstore/storetest"
)

// BenchmarkBackup is a backup over HTTP of a log of many orders, taken from an idle server and thrown away by its client.
// An iteration is one backup. ORDERS sets another number of orders.
func BenchmarkBackup(b *testing.B) {
	for _, orders := range ordersToHold(b, 200_000) {
		dir := b.TempDir()
		hold(b, filepath.Join(dir, "log"), orders, held)
		s := openServer(b, dir, embeddedViews)
		s.awaitReady(b)
		storetest.AwaitIdle()
		var size int64
		for b.Loop() {
			size = s.backUp(b)
		}
		b.SetBytes(size)
		b.ReportMetric(float64(size)/(1<<20), "MiB")
		s.stop(b)
	}
}

// backUp takes a backup and says how long it is.
func (s *server) backUp(b *testing.B) int64 {
	request, err := http.NewRequest(http.MethodGet, s.base+"/admin/backup/", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Token admin")
	response, err := s.client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%d after %d bytes: %v", response.StatusCode, n, err)
	}
	return n
}
