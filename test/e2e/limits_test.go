package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

// TestSlowHeadersAreCut opens connections that never finish their headers: the server closes them after its
// 5 s, and serves others meanwhile.
func TestSlowHeadersAreCut(t *testing.T) {
	t.Parallel()
	server := orderdtest.Demo(t)
	began := time.Now()
	conns := make([]net.Conn, 50)
	for i := range conns {
		conn, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	server.As("").Get("/livez").Want(t, 200)
	for _, conn := range conns {
		_ = conn.SetReadDeadline(began.Add(20 * time.Second)) // a connection has deadlines
		if _, err := io.ReadAll(conn); err != nil {
			t.Fatalf("after %s the connection is still open: %v", time.Since(began), err)
		}
	}
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("cut after %s already", took)
	}
}

// TestHugeHeaders are refused with 431, long ones below the limit are not.
func TestHugeHeaders(t *testing.T) {
	t.Parallel()
	server := orderdtest.Demo(t)
	server.As("").With("X-Long", strings.Repeat("a", 8<<10)).Get("/livez").Want(t, 200)
	for _, request := range []string{
		"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
		"GET /livez?" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /livez HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 10<<10) + "\r\n",
	} {
		conn, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, request) }() // the server may stop reading
		reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || reply.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%.60q: %v %v", request, reply, err)
		}
		conn.Close()
	}
}

// TestALateBodyIsNotWaitedForBefore401 has a client announce a body and send none: who may not call is told
// without it.
func TestALateBodyIsNotWaitedForBefore401(t *testing.T) {
	t.Parallel()
	server := orderdtest.Demo(t)
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /qaorder/order/create/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || reply.StatusCode != http.StatusUnauthorized {
		t.Errorf("%v %v", reply, err)
	}
}
