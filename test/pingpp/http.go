package pingpp

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"orderengine/domain"
	gateway "orderengine/gateways/pingpp"
)

const (
	maxRequest = 64 << 10        // bytes
	clockSkew  = 5 * time.Minute // how far off a request's timestamp may be
)

// answer is what the work has to say.
type answer struct {
	status int
	body   any
}

// failure is the platform's error envelope.
func failure(status int, kind, code, param, message string) answer {
	type detail struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Code    string `json:"code,omitempty"`
		Param   string `json:"param,omitempty"`
	}
	return answer{status, struct {
		Error detail `json:"error"`
	}{detail{kind, message, code, param}}}
}

func badRequest(param, message string) answer {
	return failure(http.StatusBadRequest, "invalid_request_error", "", param, message)
}

func unknown(param string) answer {
	return failure(http.StatusNotFound, "invalid_request_error", "", param, "No such "+param)
}

// work does what a request asks for; mu is held.
type work func(r *http.Request, body []byte) answer

func (p *Platform) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do work) { mux.HandleFunc(pattern, p.guarded(do)) }
	handle("POST /v1/charges", p.postCharge)
	handle("GET /v1/charges/{charge}", p.getCharge)
	handle("POST /v1/charges/{charge}/refunds", p.postRefund)
	handle("GET /v1/charges/{charge}/refunds", p.listRefunds)
	handle("GET /v1/charges/{charge}/refunds/{refund}", p.getRefund)
	return mux
}

// guarded checks who asks, and lets what shall go wrong go wrong.
func (p *Platform) guarded(do work) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			write(w, badRequest("", "the body cannot be read").encode())
			return
		}
		if !p.known(r, body) {
			p.count(func(c *Counts) { c.Unauthorized++ })
			write(w, failure(http.StatusUnauthorized, "authentication_error", "", "", "Invalid API Key or signature").encode())
			return
		}
		p.perform(w, r, body, do)
	}
}

// known checks the API key, the time and the signature.
func (p *Platform) known(r *http.Request, body []byte) bool {
	user, password, _ := r.BasicAuth()
	if user != p.options.APIKey || password != "" {
		return false
	}
	timestamp := r.Header.Get(gateway.RequestTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || p.options.Now().Sub(time.Unix(seconds, 0)).Abs() > clockSkew {
		return false
	}
	signed := append(body[:len(body):len(body)], r.URL.RequestURI()+timestamp...)
	return gateway.Verify(&p.options.ClientKey.PublicKey, r.Header.Get(gateway.RequestSignature), signed) == nil
}

// locked does the work and takes down what is then.
func (p *Platform) locked(r *http.Request, body []byte, do work) reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	return do(r, body).encode()
}

func (p *Platform) count(add func(*Counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.counts)
}

// reply is an answer as it is sent.
type reply struct {
	status int
	body   []byte
}

func (a answer) encode() reply {
	body, err := domain.JSON(a.body)
	if err != nil {
		panic(err) // a defect of the stand-in
	}
	return reply{a.status, body}
}

func write(w http.ResponseWriter, r reply) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client may have gone
}
