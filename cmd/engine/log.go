package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"orderengine/eventstore/decider"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/esdb"
	"orderengine/eventstore/wire"
	"orderengine/httpapi"
)

const (
	// sharedAge is how old may be what is known of who a caller is, where other servers write to the log too.
	sharedAge = 500 * time.Millisecond
	// logUser is who may read the log over EventStoreDB's protocol; it is that server's own administrator.
	logUser   = "admin"
	retryDemo = time.Second
)

// openStore opens the log. A cluster need not be there: until it is, commands fail and /readyz says why.
func (e *Engine) openStore() error {
	if e.settings.clustered() {
		store, err := esdb.Open(e.settings.EventStore, esdb.Options{Logger: e.logger})
		if err != nil {
			return fmt.Errorf("%s: %w", Variable("eventstore"), err)
		}
		e.store, e.closers = store, append(e.closers, store)
		return nil
	}
	store, err := embedded.Open(filepath.Join(e.settings.Data, "log"), embedded.Options{Logger: e.logger, Now: e.now})
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("data"), err)
	}
	e.store, e.closers = store, append(e.closers, store)
	return nil
}

// deciderOptions are those of a decider that keeps so many states, its default if zero.
func (e *Engine) deciderOptions(cached int) decider.Options {
	shared := e.settings.clustered() || e.settings.ESDB.Listen != "" && e.settings.ESDB.Writable
	return decider.Options{CacheSize: cached, Shared: shared, MaxAge: sharedAge}
}

// listenLog listens for EventStoreDB's clients, if the settings say so.
func (e *Engine) listenLog() error {
	c := e.settings.ESDB
	if c.Listen == "" {
		return nil
	}
	options := wire.Options{Writable: c.Writable, Advertise: c.Advertise, Now: e.now}
	if !c.Insecure {
		certificate, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return fmt.Errorf("%s: %w", Variable("esdb-cert"), err)
		}
		options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		options.User, options.Password = logUser, c.Password
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("esdb-listen"), err)
	}
	e.logListen, e.logServer = listener, wire.New(e.store, options)
	e.closers = append(e.closers, listener, e.logServer)
	e.api.Ready = append(e.api.Ready, e.logServerCheck())
	return nil
}

// logServerCheck tells whether the log is served: orders are all the same, and who follows the log knows that it is away.
func (e *Engine) logServerCheck() httpapi.Check {
	return httpapi.Check{Name: "esdb-listen", Serves: true, Look: func(context.Context) (word string, err error) {
		if failure := e.logFailed.Load(); failure != nil {
			err = *failure
		}
		return "at " + e.LogAddr(), err
	}}
}

// serveLog serves the log until closeLogServer. What ends it before stops nothing else, so it is told when it comes.
func (e *Engine) serveLog() error {
	if e.logServer == nil {
		return nil
	}
	e.logger.Info("serving the log", "addr", e.LogAddr(), "writable", e.settings.ESDB.Writable, "insecure", e.settings.ESDB.Insecure)
	err := e.logServer.Serve(e.logListen)
	if err != nil {
		e.logFailed.Store(&err)
		e.logger.Error("the log is served no longer; start the server again to serve it", "addr", e.LogAddr(), "error", err.Error())
	}
	return err
}

func (e *Engine) closeLogServer() error {
	if e.logServer == nil {
		return nil
	}
	return e.logServer.Close()
}

// LogAddr is where EventStoreDB's clients find the log, host:port; "" if it is not served.
func (e *Engine) LogAddr() string {
	if e.logListen == nil {
		return ""
	}
	return e.logListen.Addr().String()
}

// whenReachable does something beside, again and again while it fails for a cluster that cannot be reached. What it
// returns ends that and waits for the end.
func (e *Engine) whenReachable(ctx context.Context, what string, do func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			err := do(ctx)
			if err == nil || ctx.Err() != nil {
				return
			}
			if !decider.MayPass(err) {
				e.logger.Error(what+" failed", "error", err.Error())
				return
			}
			e.logger.Warn(what+" waits for the event store", "error", err.Error())
			select {
			case <-time.After(retryDemo):
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-done }
}
