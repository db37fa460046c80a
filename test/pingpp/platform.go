package pingpp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math"
	random "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	gateway "orderengine/gateways/pingpp"
)

// patience is how long a test waits on a busy machine before it gives up.
const patience = 60 * time.Second

// Platform is a running stand-in. Its methods may be called by many goroutines.
type Platform struct {
	options Options
	server  *httptest.Server
	sender  *http.Client
	sending chan struct{} // bounds the notices under way

	ctx    context.Context // ends with the test
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	busy    int // goroutines of spawn
	faults  Faults
	webhook string
	made    uint64 // objects, for their ids
	draws   map[string]uint64
	charges map[string]*charge
	byOrder map[string][]*charge // by order_no and channel, oldest first
	refunds map[string]*refund
	notices []*notice
	counts  Counts
}

// Start starts a platform on a free port and ends it with the test.
func Start(t testing.TB, options Options) *Platform {
	t.Helper()
	if options.Seed == 0 {
		options.Seed = random.Uint64()
	}
	options = options.withDefaults()
	p := &Platform{
		options: options, faults: options.Faults, webhook: options.Webhook, sending: make(chan struct{}, senders),
		sender:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: sendTimeout},
		draws:   map[string]uint64{},
		charges: map[string]*charge{}, byOrder: map[string][]*charge{}, refunds: map[string]*refund{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.server = httptest.NewServer(p.routes())
	t.Cleanup(func() {
		p.close()
		if t.Failed() {
			t.Logf("the payment platform's seed: %d", options.Seed)
		}
	})
	return p
}

func (p *Platform) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.server.Close()
	p.work.Wait()
	p.sender.CloseIdleConnections()
}

// spawn runs what the platform does by itself; nothing begins once the test ends. The caller holds mu.
func (p *Platform) spawn(do func()) {
	if p.closed {
		return
	}
	p.busy++
	p.work.Go(func() {
		defer func() {
			p.mu.Lock()
			p.busy--
			p.mu.Unlock()
		}()
		do()
	})
}

// sleep says false if the test ended meanwhile.
func (p *Platform) sleep(d time.Duration) bool {
	if d <= 0 {
		return p.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// URL is the base URL, http://127.0.0.1:port.
func (p *Platform) URL() string { return p.server.URL }

// Config is what a client of this platform needs.
func (p *Platform) Config() gateway.Config {
	return gateway.Config{BaseURL: p.URL(), APIKey: p.options.APIKey, App: p.options.App, PrivateKey: p.options.ClientKey, Timeout: p.options.Timeout}
}

// Key signs the webhooks; a server verifies them with its public half.
func (p *Platform) Key() *rsa.PrivateKey { return platformKey() }

// KeyFiles writes the two keys of a server's settings: the merchant's private and the platform's public one.
func (p *Platform) KeyFiles(t testing.TB) (private, public string) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&p.Key().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, public = filepath.Join(dir, "merchant.pem"), filepath.Join(dir, "platform.pem")
	writePEM(t, private, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(p.options.ClientKey))
	writePEM(t, public, "PUBLIC KEY", der)
	return private, public
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// SetWebhook changes where notices go; those that still have sends left go there too.
func (p *Platform) SetWebhook(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.webhook = url
}

// SetFaults changes what goes wrong from now on.
func (p *Platform) SetFaults(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// AwaitQuiet waits until the platform has nothing left to do by itself: payments, refunds, notices.
func (p *Platform) AwaitQuiet(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(patience); !p.quiet(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s the payment platform is still busy", patience)
		}
	}
}

func (p *Platform) quiet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy == 0
}

// chance draws for what is done to something for the n-th time; the caller holds mu.
func (p *Platform) chance(what string) float64 {
	n := p.draws[what]
	p.draws[what]++
	return float64(mix(p.options.Seed, what, n)>>11) / (1 << 53)
}

// share is a part of d by chance; the caller holds mu.
func (p *Platform) share(what string, d time.Duration) time.Duration {
	return time.Duration(math.Floor(p.chance(what) * float64(d)))
}

// The keys are made once, and shorter than real ones: a test spends most of its time signing.
var clientKey, platformKey, strangersKey = sync.OnceValue(newKey), sync.OnceValue(newKey), sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err) // there is no randomness
	}
	return key
}
