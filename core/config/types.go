package config

import (
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Types tells Load which types the installed plugins serve.
type Types interface {
	// Lookup returns the type name of kind "source" or "sink".
	Lookup(kind, name string) (*wire.TypeInfo, bool)
	// Names lists the types of kind "source" or "sink".
	Names(kind string) []string
}

// Options say what Load may assume about the world outside dir. The zero value
// knows no environment, no variables and no plugin types.
type Options struct {
	// Types describes the plugins' arguments. Nil means that they aren't
	// checked and reach the plugin as written.
	Types Types
	// Plugins, if set, is called once with what the configuration asks for, and
	// returns Types. It's how the caller can look for the right ones.
	Plugins func([]*Plugin) Types
	// Env looks up an environment variable, for secret("env:…") and for
	// PATCHBAY_VAR_name. Nil means an empty environment.
	Env func(string) (string, bool)
	// Vars are values of variables, stronger than all other ways to give them.
	Vars map[string]string
	// Tests asks for the test blocks, and for the files *.test.hcl that hold
	// nothing else. Without it neither is looked at: what runs needs no tests.
	Tests bool
	// VarFiles are files of values, the later the stronger; weaker than Vars,
	// stronger than the directory's own *.auto.vars.hcl.
	VarFiles []string
	// RequireSecrets makes a missing secret an error instead of a warning.
	RequireSecrets bool
	// Version is the running patchbay's, "0.1.0", which required_version must
	// allow. Empty means that it isn't checked.
	Version string
	// Now is the clock that certificates are held against. Nil means that it
	// isn't looked at when they end.
	Now func() time.Time
}

// Config is a configuration without mistakes, or as much of it as could be
// understood. Blocks are in the order of their files' names and of the text.
type Config struct {
	Dir             string // as given to Load
	RequiredVersion string // constraint on patchbay's own version, empty for any
	DataDir         string // absolute; written relative to Dir, default "data"
	Plugins         []*Plugin
	Receiver        Receiver
	Admin           Admin
	Journal         Journal
	Sources         []*Source
	Sinks           []*Sink
	Lookups         []*Lookup
	Pipelines       []*Pipeline
	Tests           []*Test // only if Options.Tests asks for them

	// Ranges maps a setting, e.g. "receiver.listen", to where it's written, and
	// "receiver" to its block's header. What isn't written isn't there.
	Ranges map[string]hcl.Range
	// Secrets are the values to blank out wherever text leaves the process
	// (I14), longest first.
	Secrets []string
	// Files are the sources by name as in diagnostics' ranges, for snippets,
	// with secrets written in clear text blanked out.
	Files map[string][]byte
}

// Receiver is the public HTTP listener.
type Receiver struct {
	Listen         string        // default 127.0.0.1:8080
	PublicURL      string        // scheme and authority providers send to; empty if unknown
	MaxBody        int64         // bytes; default 1 MiB
	MaxInFlight    int64         // bytes of bodies held at a time; default 64 MiB
	MaxConnections int           // default 10000
	HeaderTimeout  time.Duration // default 5 s
	BodyTimeout    time.Duration // default 15 s
	IdleTimeout    time.Duration // default 60 s
	WriteTimeout   time.Duration // default 10 s
	MaxHeaderBytes int           // default 32 KiB
	TLS            *TLS          // nil: plain HTTP
	// Allow are the networks from which sources without a list of their own take
	// requests; empty means any.
	Allow []netip.Prefix
	// TrustedProxies are believed about the client's address, which they write
	// into ForwardedHeader: X-Forwarded-For or Forwarded.
	TrustedProxies  []netip.Prefix
	ForwardedHeader string
}

// Scheme is what the listener itself speaks: "http" or "https".
func (r *Receiver) Scheme() string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// TLS is the certificate of the public listener.
type TLS struct {
	CertFile, KeyFile string // absolute
	ClientCAFile      string // absolute; empty: clients show no certificate
	MinVersion        string // "1.2" (default) or "1.3"
	Reload            time.Duration
}

// Admin is the listener for metrics, health and the console.
type Admin struct {
	Listen string // default 127.0.0.1:9090
}

// Journal says how long what was received stays readable.
type Journal struct {
	// Retain is how long requests and events stay readable after all sinks
	// have them. Default 168 h.
	Retain time.Duration
	// MaxDisk is the most the journal may hold in bytes; zero means as much as
	// the disk has. Requests are accepted up to nine tenths of it.
	MaxDisk int64
	// MinFree is the free disk space in bytes below which no request is
	// accepted. Default 256 MiB.
	MinFree int64
}

// What happens to requests whose authentication fails.
const (
	Reject     = "reject"     // refused, counted, not kept
	Quarantine = "quarantine" // refused, and kept apart for a person to look at
)

// Source is one configured provider endpoint.
type Source struct {
	Address       string // "twilio.support"; TYPE.NAME.KEY with for_each, after module.NAME in a module
	Type, Name    string // the block's labels
	Block         string // what diagnostics call the block: source "twilio" "support"
	Path          string // of the endpoint; default /hooks/TYPE/NAME
	PublicURL     string // of the endpoint, as the provider calls it; empty if unknown
	OnAuthFailure string // Reject or Quarantine
	MaxBody       int64  // bytes; zero means the plugin's or the receiver's
	// Allow are the networks from which requests are taken, instead of the
	// receiver's; empty means the receiver's.
	Allow []netip.Prefix
	// ClientCertificate wants a certificate that the receiver's client_ca_file
	// vouches for. Default: whether there is one.
	ClientCertificate bool
	MaxRate           int // requests stored a second; zero means any
	// ConfigJSON are the plugin's arguments. It contains secrets.
	ConfigJSON []byte
	// MissingSecrets says that a secret was not there, so that the plugin's
	// opinion of ConfigJSON means nothing.
	MissingSecrets bool
	// Ranges maps an argument's path to where it's written; "" is the header.
	Ranges map[string]hcl.Range
	Info   *wire.TypeInfo // nil if the types are not known
}

// Batch bounds what a sink is given at a time. Zero fields take the sink's own
// limits.
type Batch struct {
	MaxEvents int
	MaxBytes  int64
	MaxWait   time.Duration // how long to wait for a batch to fill
}

// Sink is one configured destination.
type Sink struct {
	Address        string // "sqlite.facts"; see Source
	Type, Name     string
	Block          string // see Source
	Batch          Batch
	ConfigJSON     []byte // the plugin's arguments; contains secrets
	MissingSecrets bool   // see Source
	Ranges         map[string]hcl.Range
	Info           *wire.TypeInfo // nil if the types are not known
}

// Lookup is a table that enrich reads.
type Lookup struct {
	Address string // "csv.campaigns"
	Type    string // LookupCSV, LookupSQL or LookupHTTP
	Name    string
	Columns []string // what found has; of a CSV file its header when it was loaded
	Range   hcl.Range

	// A CSV file's, or a SQLite database's.
	File string // absolute; lies within the configuration's directory
	// A CSV file's.
	Key    string        // column; never empty once loaded without errors
	Reload time.Duration // how often the file is looked at; default 10 s

	Remote *Remote      // of sql and http, else nil
	SQL    *LookupInDB  // of sql, else nil
	HTTP   *LookupInWeb // of http, else nil
}

// The types of lookups.
const (
	LookupCSV  = "csv"
	LookupSQL  = "sql"
	LookupHTTP = "http"
)

// Pipeline carries the events of its sources through its stages to its sinks.
type Pipeline struct {
	Name   string // "messaging"; NAME.KEY with for_each, after module.NAME in a module
	From   []*Source
	Stages []Stage // in the order written
	To     []*Sink
	// OnFailure is nil if the block isn't written.
	OnFailure *OnFailure
	Range     hcl.Range
}

// The kinds of stages.
const (
	KindDedup     = "dedup"
	KindNormalize = "normalize"
	KindEnrich    = "enrich"
	KindFilter    = "filter"
	KindRoute     = "route"
	KindSet       = "set"
	KindRedact    = "redact"
)

// kinds lists the kinds of stages in the order in which they are named.
func kinds() []string {
	return []string{KindDedup, KindNormalize, KindEnrich, KindSet, KindFilter, KindRedact, KindRoute}
}

// Stage is one step of a pipeline. The field named like Kind is set, the others
// are nil.
type Stage struct {
	Kind      string
	Label     string // of enrich and route; of set if it has one
	Dedup     *Dedup
	Normalize *Normalize
	Enrich    *Enrich
	Filter    *Filter
	Route     *Route
	Set       *Set
	Redact    *Redact
	Range     hcl.Range
}

// Dedup drops what was seen within Window.
type Dedup struct {
	Window time.Duration // default 168 h
}

// Normalize gives events their canonical type.
type Normalize struct {
	Mapping string // absolute path of an own mapping table; empty: the provider's
}

// Enrich sets fields from a lookup's row.
type Enrich struct {
	Lookup *Lookup
	Key    *expr.String
	Set    []Assignment // in the order written
}

// Assignment sets one field. A null value sets nothing.
type Assignment struct {
	Field     string // canonical name, or the attribute's
	Attribute bool   // Field names an attribute
	Value     *expr.String
	Range     hcl.Range
}

// Filter keeps the events for which When holds.
type Filter struct {
	When *expr.Bool
}

// Route sends the events for which When holds to further sinks, besides the
// pipeline's own.
type Route struct {
	When *expr.Bool
	To   []*Sink
}
