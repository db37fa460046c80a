package engine

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the machine may have no time zones of its own

	"github.com/spf13/pflag"

	"orderengine/domain/process"
	"orderengine/gateways/pingpp"
	"orderengine/projections/redisview"
)

// Config is the server's settings. Each is a flag of "orderd serve" and a variable: --addr is ORDERD_ADDR.
type Config struct {
	Addr       string // where to listen
	Data       string // the folder of log, views and keys
	EventStore string // "embedded", or esdb://… or esdb+discover://…
	ESDB       ESDBConfig
	Views      string // "embedded", or redis://… or rediss://…, with several hosts for a cluster
	// ViewsNamespace sets views and leases in Redis apart from those of another log.
	ViewsNamespace string
	React          bool   // carry out what is due; of several servers with embedded views one must, and the others must not
	Payment        string // "sandbox" or "pingpp"
	Pingpp         PingppConfig
	Messages       string // "outbox", or the URL of a webhook that sends messages to patients on
	// MessagesSecret signs what the webhook is given.
	MessagesSecret string
	// MasterKeyFile is the file of the key that wraps the patients' data keys, PatientKeys their folder; "" are in the
	// data folder.
	MasterKeyFile, PatientKeys string

	AdminToken string // of administrators' calls; "" closes them
	AuditToken string // of auditors' calls; "" closes them
	// AuditOrigin is the name of the log in signed checkpoints. It goes with the key that signs them.
	AuditOrigin      string
	CheckpointEvents uint64          // a checkpoint is signed after so many events,
	CheckpointEvery  time.Duration   // or this time, if the log has grown
	Timezone         string          // of the times that clients see
	Unpaid           time.Duration   // after which an order without a charge cancels itself
	Unanswered       time.Duration   // after which a paid order without an answer is refunded
	Unfinished       time.Duration   // after which an answered order finishes itself
	Retry            []time.Duration // after each try to have a refund made, or to hear of it
	Webhooks         WebhookConfig
	LogLevel         string // debug, info, warn or error
	Demo             bool   // make the people and orders of the documents
}

// Defaults are the settings of who sets nothing.
var Defaults = Config{
	Addr: "127.0.0.1:8000", Data: "./data", EventStore: "embedded", Views: "embedded", ViewsNamespace: redisview.DefaultNamespace, React: true,
	Payment: "sandbox", Messages: outboxMessages,
	Pingpp:      PingppConfig{URL: pingpp.DefaultBaseURL},
	AuditOrigin: "orderengine", CheckpointEvents: 1000, CheckpointEvery: 10 * time.Second,
	Timezone: "Asia/Shanghai", LogLevel: "info",
	Unpaid: process.Defaults.Unpaid, Unanswered: process.Defaults.Unanswered, Unfinished: process.Defaults.Unfinished,
	Retry: process.Defaults.Retry, Webhooks: WebhookConfig{Timeout: 10 * time.Second, MaxWait: 5 * time.Minute},
}

const embeddedStore, sandboxPayment, pingppPayment, outboxMessages = "embedded", "sandbox", "pingpp", "outbox"

// ESDBConfig is how the embedded log is served over EventStoreDB's protocol.
type ESDBConfig struct {
	Listen    string // where; "" does not serve it
	Advertise string // the host:port that clients are told; "" is where it listens
	Writable  bool   // let clients append and delete
	Cert, Key string // files: what the server proves its name with
	Password  string // of the user admin
	Insecure  bool   // serve everybody, without TLS
}

// PingppConfig is the contract with Ping++.
type PingppConfig struct {
	URL        string
	Key        string // the API key
	App        string
	PrivateKey string // file: signs our requests
	PublicKey  string // file: the platform's, of its webhooks
	AcceptTest bool   // take unsigned notices of the test mode
}

// Flags declares the settings as flags.
func (c *Config) Flags(flags *pflag.FlagSet) {
	*c = Defaults
	flags.StringVar(&c.Addr, "addr", c.Addr, "address to listen on, host:port")
	flags.StringVar(&c.Data, "data", c.Data, "folder of the log, the embedded views and the keys")
	flags.StringVar(&c.EventStore, "eventstore", c.EventStore, `where the log is: "embedded", esdb://… or esdb+discover://… (EventStoreDB, KurrentDB)`)
	flags.StringVar(&c.ESDB.Listen, "esdb-listen", c.ESDB.Listen, "serve the embedded log over EventStoreDB's protocol at this address, host:port")
	flags.StringVar(&c.ESDB.Advertise, "esdb-advertise", c.ESDB.Advertise, "host:port that clients of esdb-listen are told, if it is another")
	flags.BoolVar(&c.ESDB.Writable, "esdb-writable", c.ESDB.Writable, "let clients of esdb-listen append and delete")
	flags.StringVar(&c.ESDB.Cert, "esdb-cert", c.ESDB.Cert, "file with the certificate of esdb-listen, PEM")
	flags.StringVar(&c.ESDB.Key, "esdb-key", c.ESDB.Key, "file with the certificate's private key, PEM")
	flags.StringVar(&c.ESDB.Password, "esdb-password", c.ESDB.Password, "password of the user admin at esdb-listen; better given as a variable")
	flags.BoolVar(&c.ESDB.Insecure, "esdb-insecure", c.ESDB.Insecure, "let everybody read at esdb-listen, without TLS and password")
	flags.StringVar(&c.Views, "views", c.Views, `where the views are: "embedded", redis://host:port/db or rediss://…; several hosts between commas are a cluster`)
	flags.StringVar(&c.ViewsNamespace, "views-namespace", c.ViewsNamespace, "with what our keys in Redis begin; servers of another log on the same Redis need another one")
	flags.BoolVar(&c.React, "react", c.React, "carry out refunds, messages and time-outs; of several servers with embedded views on one cluster one must, and the others must not")
	flags.StringVar(&c.Payment, "payment", c.Payment, `payment platform: "sandbox" or "pingpp"`)
	flags.StringVar(&c.Pingpp.URL, "pingpp-url", c.Pingpp.URL, "base URL of Ping++'s API")
	flags.StringVar(&c.Pingpp.Key, "pingpp-key", c.Pingpp.Key, "API key of Ping++; better given as a variable")
	flags.StringVar(&c.Pingpp.App, "pingpp-app", c.Pingpp.App, "id of the application at Ping++")
	flags.StringVar(&c.Pingpp.PrivateKey, "pingpp-private-key", c.Pingpp.PrivateKey, "file with our private key, PEM")
	flags.StringVar(&c.Pingpp.PublicKey, "pingpp-public-key", c.Pingpp.PublicKey, "file with Ping++'s public key, PEM")
	flags.BoolVar(&c.Pingpp.AcceptTest, "pingpp-accept-test", c.Pingpp.AcceptTest, "take the unsigned notices of Ping++'s test mode")
	flags.StringVar(&c.Messages, "messages", c.Messages, `how messages reach patients: "outbox" (kept, to be read), or a webhook's http(s)://…`)
	flags.StringVar(&c.MessagesSecret, "messages-secret", c.MessagesSecret, "signs what the webhook of messages is given; better given as a variable")
	flags.StringVar(&c.MasterKeyFile, "master-key-file", c.MasterKeyFile, "file of the key that wraps the patients' data keys, 32 bytes in base64; if not set, keys/master.key in the data folder, which is made")
	flags.StringVar(&c.PatientKeys, "patient-keys", c.PatientKeys, "folder of the patients' wrapped data keys, which several servers share; if not set, keys/patients in the data folder")
	flags.StringVar(&c.AdminToken, "admin-token", c.AdminToken, "token of the /admin/ calls; none closes them")
	flags.StringVar(&c.AuditToken, "audit-token", c.AuditToken, "token of the /audit/ and /replay/ calls; none closes them")
	flags.StringVar(&c.AuditOrigin, "audit-origin", c.AuditOrigin, "name of the log in signed checkpoints; it goes with keys/audit.key in the data folder")
	flags.Uint64Var(&c.CheckpointEvents, "checkpoint-events", c.CheckpointEvents, "sign a checkpoint of the log after so many events")
	flags.DurationVar(&c.CheckpointEvery, "checkpoint-every", c.CheckpointEvery, "or after this time, if the log has grown")
	flags.StringVar(&c.Timezone, "timezone", c.Timezone, "time zone of the times that clients see")
	flags.DurationVar(&c.Unpaid, "unpaid", c.Unpaid, "after this an order without a charge cancels itself")
	flags.DurationVar(&c.Unanswered, "unanswered", c.Unanswered, "after this a paid order without an answer is refunded")
	flags.DurationVar(&c.Unfinished, "unfinished", c.Unfinished, "after this an answered order finishes itself")
	flags.DurationSliceVar(&c.Retry, "retry", c.Retry, "waits between the tries to have a refund made; the last repeats")
	c.Webhooks.flags(flags)
	flags.StringVar(&c.LogLevel, "log-level", c.LogLevel, "debug (each request), info, warn or error")
	flags.BoolVar(&c.Demo, "demo", c.Demo, "make the people and orders of the API documents, once")
}

// Variable is the environment variable that is the same as a flag.
func Variable(flag string) string {
	return "ORDERD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Environment sets the flags that the command line did not from their variables.
func Environment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var wrong error
	flags.VisitAll(func(f *pflag.Flag) {
		name := Variable(f.Name)
		value, ok := lookup(name)
		if !ok || f.Changed || wrong != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			wrong = fmt.Errorf("%s: %q: %w", name, value, err)
		}
	})
	return wrong
}

// settings are the parsed forms of what a [Config] holds as text.
type settings struct {
	Config
	location *time.Location
	level    slog.Level
}

// parse checks the settings; the error names the variable.
func (c Config) parse() (settings, error) {
	s := settings{Config: c}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return s, fmt.Errorf("%s: %w", Variable("addr"), err)
	}
	if c.Data == "" {
		return s, fmt.Errorf("%s: a folder is needed", Variable("data"))
	}
	if err := c.checkLog(); err != nil {
		return s, err
	}
	if c.Views != embeddedStore && !strings.HasPrefix(c.Views, "redis://") && !strings.HasPrefix(c.Views, "rediss://") {
		return s, fmt.Errorf("%s: %q is neither %q nor redis://… nor rediss://…", Variable("views"), c.Views, embeddedStore)
	}
	if err := redisview.CheckNamespace(c.ViewsNamespace); err != nil {
		return s, fmt.Errorf("%s: %w", Variable("views-namespace"), err)
	}
	if err := c.checkReact(); err != nil {
		return s, err
	}
	if c.Payment != sandboxPayment && c.Payment != pingppPayment {
		return s, fmt.Errorf("%s: %q is neither %q nor %q", Variable("payment"), c.Payment, sandboxPayment, pingppPayment)
	}
	if c.Messages != outboxMessages && !strings.HasPrefix(c.Messages, "http://") && !strings.HasPrefix(c.Messages, "https://") {
		return s, fmt.Errorf("%s: %q is neither %q nor http(s)://…", Variable("messages"), c.Messages, outboxMessages)
	}
	if c.Messages != outboxMessages && c.MessagesSecret == "" {
		return s, fmt.Errorf("%s: a webhook needs a secret to know our messages by", Variable("messages-secret"))
	}
	for name, period := range map[string]time.Duration{"unpaid": c.Unpaid, "unanswered": c.Unanswered, "unfinished": c.Unfinished} {
		if period <= 0 {
			return s, fmt.Errorf("%s: %s is no period", Variable(name), period)
		}
	}
	if err := c.checkTree(); err != nil {
		return s, err
	}
	if len(c.Retry) == 0 || slices.Min(c.Retry) <= 0 {
		return s, fmt.Errorf("%s: %v are no waits", Variable("retry"), c.Retry)
	}
	if err := c.Webhooks.check(); err != nil {
		return s, err
	}
	if c.Demo && c.Payment != sandboxPayment {
		return s, fmt.Errorf("%s: the demo pays in the sandbox, not at %q", Variable("demo"), c.Payment)
	}
	location, err := time.LoadLocation(c.Timezone)
	if err != nil || c.Timezone == "" {
		return s, fmt.Errorf("%s: %q is no time zone", Variable("timezone"), c.Timezone)
	}
	s.location = location
	if err := s.level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return s, fmt.Errorf("%s: %q is not debug, info, warn or error", Variable("log-level"), c.LogLevel)
	}
	if s.Demo && s.AdminToken == "" {
		s.AdminToken = DemoAdminToken
	}
	if s.Demo && s.AuditToken == "" {
		s.AuditToken = DemoAuditToken
	}
	if s.AdminToken != "" && s.AdminToken == s.AuditToken {
		return s, fmt.Errorf("%s: is the administrators' token too; who audits them needs one of their own", Variable("audit-token"))
	}
	return s, nil
}

// checkLog checks the settings of the log and of who may read it.
func (c Config) checkLog() error {
	if c.EventStore != embeddedStore && !c.clustered() {
		return fmt.Errorf("%s: it is neither %q nor esdb://… nor esdb+discover://…", Variable("eventstore"), embeddedStore)
	}
	e := c.ESDB
	if e.Listen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(e.Listen); err != nil {
		return fmt.Errorf("%s: %w", Variable("esdb-listen"), err)
	}
	switch {
	case c.clustered():
		return fmt.Errorf("%s: only the embedded log is served; a cluster serves itself", Variable("esdb-listen"))
	case e.Insecure && (e.Cert != "" || e.Key != "" || e.Password != ""):
		return fmt.Errorf("%s: the certificate and the password would not be used", Variable("esdb-insecure"))
	case e.Insecure:
		return nil
	case e.Cert == "":
		return fmt.Errorf("%s: a certificate is needed, or --esdb-insecure", Variable("esdb-cert"))
	case e.Key == "":
		return fmt.Errorf("%s: the certificate's private key is needed", Variable("esdb-key"))
	case e.Password == "":
		return fmt.Errorf("%s: a password is needed, or --esdb-insecure", Variable("esdb-password"))
	}
	return nil
}

// clustered says that the log is a cluster, to which others write too.
func (c Config) clustered() bool {
	return strings.HasPrefix(c.EventStore, "esdb://") || strings.HasPrefix(c.EventStore, "esdb+discover://")
}

// periods are the settings of what happens to orders by themselves.
func (s settings) periods() process.Periods {
	return process.Periods{Grace: process.Defaults.Grace, Unpaid: s.Unpaid, Unanswered: s.Unanswered, Unfinished: s.Unfinished, Retry: s.Retry}
}
