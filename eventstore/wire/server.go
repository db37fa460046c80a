// Package wire serves any event store over EventStoreDB's gRPC protocol, so that EventStoreDB's own clients
// can read and follow a log, and where it is allowed write to it.
//
// Served are the streams (append, read, subscribe, delete, tombstone, metadata with $maxAge, $maxCount and
// $tb), the server's features and the gossip of one node. BatchAppend is not offered, so clients use Append;
// an access control list in a stream's metadata is kept and not enforced; of persistent subscriptions only
// the creation of a group is recorded.
//
// System streams ($…) stand in the store under names of a reserved form, see [reserved].
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"orderengine/eventstore"
)

const (
	// Clients ping every 10 s, whether they have calls or not; who pings more often than this is cut off.
	minPing = 5 * time.Second
	drain   = 5 * time.Second // for calls in flight when the server closes
)

// Store is what can be served.
type Store interface {
	eventstore.Store
	eventstore.BackwardReader
}

// Options of a [Server]; the zero value serves everybody, for reading, without TLS.
type Options struct {
	// Writable lets clients append, delete and set metadata.
	Writable bool
	// TLS is what the server proves its name with; nil serves without TLS.
	TLS *tls.Config
	// User and Password are asked of every call but those that find a node; no password asks nobody. The
	// official clients send them over TLS only.
	User, Password string
	// Advertise is the host:port that gossip names; by default the address listened on.
	Advertise string
	// Now is the clock of $maxAge; [time.Now] by default.
	Now func() time.Time
}

// Server serves one store. Make one with [New]; it does not close the store.
type Server struct {
	grpc *grpc.Server
	node *node
	stop context.CancelFunc // ends subscriptions
	once sync.Once
}

// New makes a server of a store.
func New(store Store, options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	stopping, stop := context.WithCancel(context.Background())
	guard := guard{user: options.User, password: options.Password}
	serverOptions := []grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(guard.unary),
		grpc.StreamInterceptor(guard.stream),
		grpc.WaitForHandlers(true),
	}
	if options.TLS != nil {
		serverOptions = append(serverOptions, grpc.Creds(credentials.NewTLS(options.TLS)))
	}
	s := &Server{grpc: grpc.NewServer(serverOptions...), node: &node{advertise: options.Advertise}, stop: stop}
	service := &service{store: store, writable: options.Writable, now: options.Now, stopping: stopping}
	streams.RegisterStreamsServer(s.grpc, service)
	persistent.RegisterPersistentSubscriptionsServer(s.grpc, groups{streams: service})
	serverfeatures.RegisterServerFeaturesServer(s.grpc, s.node)
	gossip.RegisterGossipServer(s.grpc, s.node)
	return s
}

// Serve answers on a listener, which it closes, until [Server.Close]; then it returns nil.
func (s *Server) Serve(listener net.Listener) error {
	s.node.listens(listener.Addr().String())
	err := s.grpc.Serve(listener)
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// Close ends the subscriptions, lets the other calls finish, and returns when no call uses the store any more.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.stop()
		late := time.AfterFunc(drain, s.grpc.Stop)
		defer late.Stop()
		s.grpc.GracefulStop()
	})
	return nil
}
