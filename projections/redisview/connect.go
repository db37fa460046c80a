package redisview

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// What the URL's own options (dial_timeout, read_timeout, write_timeout, pool_size) may change.
const (
	dialTimeout = time.Second
	ioTimeout   = 2 * time.Second // of one read or write; a big batch takes a fraction of it
	poolSize    = 32              // connections to each server
)

const (
	defaultPort   = "6379"
	redirectMin   = 8 * time.Millisecond // between the attempts of a client of a cluster
	redirectMax   = 200 * time.Millisecond
	stateInterval = 10 * time.Second // after which it looks where the slots are although nothing has failed
)

// server is what a URL names: a server, or a cluster by some of its nodes.
type server struct {
	options *redis.Options // of the connections; the address is the first host's
	hosts   []string       // of a cluster, host:port
}

// parts is how many parts the views have there.
func (s server) parts() int {
	if s.hosts == nil {
		return 1
	}
	return clusterParts
}

var errMalformed = errors.New("views URL: not of the form redis[s]://[user:password@]host[:port][,host[:port]…][/db][?option=value]")

// parseURL never shows the URL in an error: it may hold a password, and may be malformed because of it.
func parseURL(serverURL string) (server, error) {
	hosts, first, err := splitHosts(serverURL)
	if err != nil {
		return server{}, err
	}
	o, err := redis.ParseURL(first)
	if err != nil && strings.Contains(err.Error(), "unexpected option") {
		return server{}, fmt.Errorf("views URL: %w", err)
	}
	if err != nil {
		return server{}, errMalformed
	}
	if hosts != nil && o.DB != 0 {
		return server{}, fmt.Errorf("views URL: database %d: a cluster has only 0", o.DB)
	}
	setTimeouts(o)
	// A commit that is sent again finds its own checkpoint and looks overtaken. The callers retry.
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	// What is not needed is not negotiated: every managed Redis and proxy takes such a client.
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PipelinePoolSize = -1
	return server{o, hosts}, nil
}

// splitHosts gives the hosts of a URL that names several, and the URL with the first one only.
func splitHosts(serverURL string) (hosts []string, first string, err error) {
	scheme, rest, _ := strings.Cut(serverURL, "://")
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	begin := strings.LastIndex(rest[:end], "@") + 1
	names := strings.Split(rest[begin:end], ",")
	for _, name := range names {
		u, err := url.Parse(scheme + "://" + name)
		if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" {
			return nil, "", errMalformed
		}
		hosts = append(hosts, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultPort)))
	}
	if len(hosts) == 1 {
		return nil, serverURL, nil
	}
	return hosts, scheme + "://" + rest[:begin] + names[0] + rest[end:], nil
}

func setTimeouts(o *redis.Options) {
	o.DialTimeout = cmp.Or(o.DialTimeout, dialTimeout)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, ioTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, ioTimeout)
	o.PoolTimeout = cmp.Or(o.PoolTimeout, dialTimeout)
}

// connect makes a client with so many connections to each server, unless the URL says how many.
func (s server) connect(connections int) redis.UniversalClient {
	o := *s.options
	o.PoolSize = cmp.Or(o.PoolSize, connections)
	if s.hosts == nil {
		return redis.NewClient(&o)
	}
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: s.hosts, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout,
		MinRetryBackoff: redirectMin, MaxRetryBackoff: redirectMax, ClusterStateReloadInterval: stateInterval,
		MaxRetries: o.MaxRetries, DialerRetries: o.DialerRetries, ContextTimeoutEnabled: o.ContextTimeoutEnabled,
		Protocol: o.Protocol, DisableIdentity: o.DisableIdentity, MaintNotificationsConfig: o.MaintNotificationsConfig,
		PipelinePoolSize: o.PipelinePoolSize,
	})
}
