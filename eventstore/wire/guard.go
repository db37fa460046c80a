package wire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// guard asks for a user and password. Clients find a node and its features without them, as with EventStoreDB.
type guard struct{ user, password string }

var open = map[string]bool{
	gossip.Gossip_Read_FullMethodName:                                true,
	serverfeatures.ServerFeatures_GetSupportedMethods_FullMethodName: true,
}

func (g guard) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := g.admit(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

func (g guard) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := g.admit(stream.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(server, stream)
}

func (g guard) admit(ctx context.Context, method string) error {
	if g.password == "" || open[method] {
		return nil
	}
	for _, header := range metadata.ValueFromIncomingContext(ctx, "authorization") {
		if g.knows(header) {
			return nil
		}
	}
	return status.Error(codes.Unauthenticated, "user and password are needed")
}

// knows takes the same time for every wrong password.
func (g guard) knows(header string) bool {
	scheme, encoded, _ := strings.Cut(header, " ")
	given, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return false
	}
	want, got := sha256.Sum256([]byte(g.user+":"+g.password)), sha256.Sum256(given)
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
