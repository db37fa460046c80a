package wire

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderengine/eventstore"
)

// version is that of EventStoreDB whose protocol is served: the last before protocol v2, with CaughtUp.
const version = "24.10.0"

// node tells clients what they need before they call: who leads the cluster of one, and what it can do.
type node struct {
	gossip.UnimplementedGossipServer
	serverfeatures.UnimplementedServerFeaturesServer

	mu        sync.Mutex
	advertise string
}

// listens names the address that gossip gives, if the options named none.
func (n *node) listens(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.advertise == "" {
		n.advertise = address
	}
}

// Read is gossip of one node, which leads.
func (n *node) Read(context.Context, *shared.Empty) (*gossip.ClusterInfo, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host, portText, err := net.SplitHostPort(n.advertise)
	port, err2 := strconv.ParseUint(portText, 10, 16)
	if err != nil || err2 != nil {
		return nil, status.Errorf(codes.Internal, "advertised address %q is not host:port", n.advertise)
	}
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{{
		InstanceId:   idOf(uuid.NewSHA1(uuid.Nil, []byte(n.advertise)), false),
		TimeStamp:    time.Now().UnixMilli(),
		State:        gossip.MemberInfo_Leader,
		IsAlive:      true,
		HttpEndPoint: &gossip.EndPoint{Address: host, Port: uint32(port)},
	}}}, nil
}

// GetSupportedMethods implements the service ServerFeatures. What is not named is not offered: batchappend.
func (n *node) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	supported := &serverfeatures.SupportedMethods{EventStoreServerVersion: version}
	for _, method := range []string{"read", "append", "delete", "tombstone"} {
		supported.Methods = append(supported.Methods, &serverfeatures.SupportedMethod{
			MethodName: method, ServiceName: "event_store.client.streams.streams",
		})
	}
	return supported, nil
}

// groups records the creation of persistent subscriptions' groups, once each, and serves nothing else of them.
type groups struct {
	persistent.UnimplementedPersistentSubscriptionsServer
	streams *service
}

// Create implements the service PersistentSubscriptions.
func (g groups) Create(ctx context.Context, request *persistent.CreateReq) (*persistent.CreateResp, error) {
	if err := g.streams.mayWrite(); err != nil {
		return nil, err
	}
	options := request.GetOptions()
	stream := allStream
	if of := options.GetStream().GetStreamIdentifier(); of != nil {
		stream = string(of.GetStreamName())
	}
	name := reserved + "$persistentsubscription-" + stream + "::" + options.GetGroupName()
	created := []eventstore.Event{{ID: uuid.New(), Type: "$PersistentConfig", Data: []byte("{}")}}
	if _, err := g.streams.write(ctx, name, eventstore.NoStream, created); err != nil {
		if isConflict(err) {
			return nil, status.Errorf(codes.AlreadyExists, "group %q of %q exists", options.GetGroupName(), stream)
		}
		return nil, failure(ctx, err)
	}
	return &persistent.CreateResp{}, nil
}
