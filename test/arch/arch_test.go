// Package arch holds the architecture as a test: who may import whom, and the one way by which events are written.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module   = "orderengine/"
	maxLines = 600
)

// The folders of DESIGN.md's layout, some of which are to come.
var (
	stores     = []string{"eventstore/embedded", "eventstore/memory", "eventstore/esdb"}
	viewStores = []string{"projections/redisview", "projections/embeddedview"}
	apis       = []string{"httpapi/...", "xmlapi/..."}
	databases  = []string{"github.com/redis/go-redis/...", "github.com/cockroachdb/pebble/...", "github.com/EventStore/EventStore-Client-Go/..."}
)

// ban keeps packages from importing others. Patterns are folders of this module or import paths; "x/..." is x
// and all below it.
type ban struct {
	who    []string
	never  []string
	but    []string // who may all the same
	reason string
}

var bans = []ban{
	{who: []string{"domain/qa"}, never: []string{"domain/hospital/..."},
		reason: "the two contracts change for different people; what they share stands in domain and domain/payment"},
	{who: []string{"domain/hospital/..."}, never: []string{"domain/qa/..."},
		reason: "the two contracts change for different people; what they share stands in domain and domain/payment"},
	{who: []string{"eventstore/..."}, never: slices.Concat([]string{"domain/...", "projections/...", "gateways/...", "cmd/...", "test/..."}, apis),
		reason: "the log keeps bytes of anything; knowing orders would make every new kind of order a change of every store"},
	{who: []string{"eventstore/embedded/..."}, never: []string{"eventstore/memory", "eventstore/esdb/..."},
		reason: "stores share the interface and the suite, never code: one must be able to go without another"},
	{who: []string{"eventstore/esdb/..."}, never: []string{"eventstore/memory", "eventstore/embedded/...", "eventstore/wire"},
		reason: "stores share the interface and the suite, never code: one must be able to go without another"},
	{who: []string{"eventstore/memory"}, never: []string{"eventstore/embedded/...", "eventstore/esdb/..."},
		reason: "the reference model must not be what it is compared with"},
	{who: []string{"eventstore", "eventstore/backup", "eventstore/decider", "eventstore/sequence"}, never: slices.Concat(stores, databases),
		reason: "they work on any store; the settings choose one"},
	{who: []string{"eventstore/proof"}, never: stores,
		reason: "the tree is of any store's log, and what verifies a bundle must run where there is no store"},
	{who: []string{"eventstore/wire"}, never: slices.Concat(stores, []string{"github.com/EventStore/EventStore-Client-Go/v4/esdb"}),
		reason: "it serves any store; of the client's module it takes the protocol, never the client"},
	{who: []string{"..."}, never: []string{"github.com/kurrent-io/..."},
		reason: "two clients of one protocol in one binary panic when both register it"},
	{who: []string{"projections"}, never: slices.Concat(stores, viewStores, databases, apis, []string{"gateways/...", "cmd/..."}),
		reason: "a projection is pure and its follower works on any views; its own folders below know a database each"},
	{who: []string{"projections/redisview"}, never: slices.Concat(stores, apis, []string{"domain/...", "projections/embeddedview", "github.com/cockroachdb/pebble/..."}),
		reason: "a view store does ops; it knows neither orders nor the other store"},
	{who: []string{"projections/embeddedview"}, never: slices.Concat(stores, apis, []string{"domain/...", "projections/redisview", "github.com/redis/go-redis/..."}),
		reason: "a view store does ops; it knows neither orders nor the other store"},
	{who: []string{"httpapi/..."}, never: slices.Concat([]string{"xmlapi/..."}, stores, viewStores, databases),
		reason: "an API gives commands and reads views; which database holds them is not its business, nor is the other API"},
	{who: []string{"xmlapi/..."}, never: slices.Concat([]string{"httpapi/..."}, stores, viewStores, databases),
		reason: "an API gives commands and reads views; which database holds them is not its business, nor is the other API"},
	{who: []string{"httpapi/drf"}, never: []string{"domain/...", "eventstore/...", "projections/...", "gateways/..."},
		reason: "it speaks a framework's wire language, whatever is said in it"},
	{who: []string{"gateways/..."}, never: slices.Concat(apis, stores, viewStores, databases, []string{"projections/..."}),
		reason: "what is called must not depend on who calls; a payment is carried out without views"},
	{who: []string{"..."}, never: []string{"cmd/..."}, but: []string{"cmd/...", "test/..."},
		reason: "the wiring knows everybody; who knew the wiring would know everybody too"},
	{who: []string{"..."}, never: []string{"testing", "testing/...", "test/...", "eventstore/storetest", "projections/viewtest", "pgregory.net/rapid", "go.uber.org/goleak"},
		but:    []string{"test/...", "eventstore/storetest", "projections/viewtest"},
		reason: "the server does not carry its tests"},
}

// pure is all that domain/** may import beside itself: the same command on the same state must give the same
// events, on every server and when it is decided again. Add only what has neither clock nor chance nor I/O.
var pure = []string{
	"bytes", "cmp", "crypto/sha256", "encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash/fnv", "iter",
	"maps", "math", "math/big", "math/bits", "reflect", "regexp", "slices", "sort", "strconv", "strings", "sync", "time", "unicode", "unicode/utf8",
	"github.com/google/uuid", "github.com/looplab/fsm",
}

// impure is what the pure packages have that is not. "uuid" may only make names of names.
var impure = map[string][]string{
	"time": {"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"},
	"uuid": {"New", "NewString", "NewRandom", "NewRandomFromReader", "NewUUID", "NewV6", "NewV7", "NewDCEGroup", "NewDCEPerson"},
	"fmt":  {"Print", "Println", "Printf", "Scan", "Scanln", "Scanf"},
}

// matches says that a folder or import path is of a pattern.
func matches(pattern, name string) bool {
	base, below := strings.CutSuffix(pattern, "...")
	if !below {
		return name == pattern
	}
	base = strings.TrimSuffix(base, "/")
	return base == "" || name == base || strings.HasPrefix(name, base+"/")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func (b ban) breaks(folder, imported string) bool {
	return matchesAny(b.who, folder) && !matchesAny(b.but, folder) && matchesAny(b.never, imported) && imported != folder
}

// source is one file that is no test.
type source struct {
	folder, name string
	file         *ast.File
	lines        int
}

func (s source) path() string { return path.Join(s.folder, s.name) }

// imports are folders of this module, and paths of others.
func (s source) imports(t *testing.T) (all []string) {
	for _, i := range s.file.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimPrefix(imported, module))
	}
	return all
}

// walk gives every Go file of the module for which want says so.
func walk(t *testing.T, want func(name string) bool) (sources []source) {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if want(s.name) {
			sources = append(sources, s)
		}
	}
	if len(sources) < 50 {
		t.Fatalf("only %d files found", len(sources))
	}
	return sources
}

// parsed parses every Go file of the module, once.
var parsed = sync.OnceValues(func() (sources []source, err error) {
	root := filepath.Join("..", "..")
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		sources = append(sources, source{filepath.ToSlash(folder), name, parsed, strings.Count(string(text), "\n")})
		return err
	})
	return sources, err
})

func isProduct(name string) bool { return !strings.HasSuffix(name, "_test.go") }

func TestWhoMayImportWhom(t *testing.T) {
	for _, s := range walk(t, isProduct) {
		for _, imported := range s.imports(t) {
			for _, b := range bans {
				if b.breaks(s.folder, imported) {
					t.Errorf("%s imports %s: %s", s.path(), imported, b.reason)
				}
			}
		}
	}
}

// TestBansCatch tries the bans on imports that nobody makes.
func TestBansCatch(t *testing.T) {
	for _, c := range []struct {
		folder, imported string
		banned           bool
	}{
		{"domain/qa", "domain/hospital", true}, {"domain/hospital", "domain/qa", true}, {"domain/qa", "domain/payment", false},
		{"eventstore", "domain", true}, {"eventstore/decider", "domain/qa", true}, {"eventstore/decider", "eventstore", false},
		{"eventstore/embedded", "eventstore/memory", true}, {"eventstore/memory", "eventstore/embedded", true},
		{"eventstore/decider", "eventstore/embedded", true}, {"eventstore/embedded", "github.com/cockroachdb/pebble/v2", false},
		{"eventstore/proof", "eventstore/embedded", true}, {"eventstore/proof", "github.com/cockroachdb/pebble/v2", false},
		{"projections", "github.com/redis/go-redis/v9", true}, {"projections", "projections/redisview", true},
		{"projections", "eventstore/embedded", true}, {"projections", "eventstore", false}, {"projections", "httpapi/drf", true},
		{"projections/redisview", "github.com/redis/go-redis/v9", false}, {"projections/embeddedview", "github.com/cockroachdb/pebble/v2/vfs", false},
		{"projections/embeddedview", "projections/redisview", true}, {"projections/embeddedview", "domain/qa", true},
		{"httpapi", "xmlapi", true}, {"xmlapi/wsdl", "httpapi", true}, {"httpapi", "httpapi/drf", false}, {"httpapi/auth", "eventstore/embedded", true},
		{"httpapi", "projections", false}, {"httpapi", "projections/embeddedview", true}, {"httpapi/drf", "domain", true},
		{"gateways", "httpapi", true}, {"gateways/pingpp", "gateways", false},
		{"eventstore/esdb", "eventstore/embedded", true}, {"eventstore/esdb", "eventstore/wire", true}, {"eventstore/wire", "eventstore/memory", true},
		{"eventstore/wire", "github.com/EventStore/EventStore-Client-Go/v4/esdb", true}, {"eventstore/wire", "github.com/EventStore/EventStore-Client-Go/v4/protos/streams", false},
		{"httpapi", "github.com/EventStore/EventStore-Client-Go/v4/esdb", true}, {"test/wire", "github.com/kurrent-io/KurrentDB-Client-Go/kurrentdb", true},
		{"httpapi", "cmd/engine", true}, {"cmd/orderd", "cmd/engine", false}, {"test/e2e/orderdtest", "cmd/engine", false},
		{"domain/qa", "testing", true}, {"eventstore/storetest", "testing", false}, {"projections", "projections/viewtest", true},
	} {
		got := slices.ContainsFunc(bans, func(b ban) bool { return b.breaks(c.folder, c.imported) })
		if got != c.banned {
			t.Errorf("%s imports %s: banned %v, want %v", c.folder, c.imported, got, c.banned)
		}
	}
}

func TestEveryBanHasAReason(t *testing.T) {
	for _, b := range bans {
		if len(b.reason) < 20 || len(b.who) == 0 || len(b.never) == 0 {
			t.Errorf("ban %+v", b)
		}
	}
}

func TestDomainIsPure(t *testing.T) {
	seen := 0
	for _, s := range walk(t, isProduct) {
		if !matches("domain/...", s.folder) {
			continue
		}
		seen++
		for _, imported := range s.imports(t) {
			if !matches("domain/...", imported) && !slices.Contains(pure, imported) {
				t.Errorf("%s imports %s, which is not among what is known as pure", s.path(), imported)
			}
		}
		for _, call := range impureIn(s.file) {
			t.Errorf("%s uses %s: times and ids arrive in the command", s.path(), call)
		}
	}
	if seen < 20 {
		t.Errorf("only %d files of the domain found", seen)
	}
}

func impureIn(file *ast.File) (found []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(impure[x.Name], sel.Sel.Name) {
				found = append(found, x.Name+"."+sel.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestImpureCallsAreFound(t *testing.T) {
	const text = `package p; import ("time"; "github.com/google/uuid"); var a, b, c = time.Now(), uuid.New(), time.Unix(1, 0)`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := impureIn(file); !slices.Equal(got, []string{"time.Now", "uuid.New"}) {
		t.Errorf("found %v", got)
	}
}

// writing are the folders that append: the decider, which knows repeats and conflicts; sequences, whose events have
// no lifecycle; the protocol's server, which serves for reading unless it is told otherwise; and the tool, which
// copies a log as it came to be.
var writing = []string{"eventstore/decider", "eventstore/sequence", "eventstore/wire", "cmd/orderctl"}

// TestThereIsOneWritePath: whoever else appends would write what no lifecycle has allowed.
func TestThereIsOneWritePath(t *testing.T) {
	writers := map[string]int{}
	for _, s := range walk(t, isProduct) {
		if matchesAny([]string{"test/...", "eventstore/storetest", "projections/viewtest"}, s.folder) {
			continue
		}
		writers[s.folder] += appendsIn(s.file)
	}
	for folder, n := range writers {
		want := 0
		if slices.Contains(writing, folder) {
			want = 1
		}
		if folder == "eventstore/proof" {
			want = 3 // a leaf's hash to a range of hashes, in tree.go, head.go and audit.go; it has no store to append to
		}
		if n != want {
			t.Errorf("%s appends to a store in %d places, want %d", folder, n, want)
		}
	}
}

// appendsIn counts where Append is taken from anything but a package.
func appendsIn(file *ast.File) (n int) {
	ast.Inspect(file, func(node ast.Node) bool {
		if sel, ok := node.(*ast.SelectorExpr); ok && sel.Sel.Name == "Append" {
			if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "fmt" {
				n++
			}
		}
		return true
	})
	return n
}

func TestAppendsAreFound(t *testing.T) {
	const text = `package p; func f() { s.Append(1); a.b.Append(2); g(s.Append); fmt.Append(nil, 1); append(a, 1); x.append(1) }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := appendsIn(file); n != 3 {
		t.Errorf("%d found, want 3", n)
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range walk(t, func(string) bool { return true }) {
		key := s.folder + " (" + strings.TrimSuffix(s.file.Name.Name, "_test") + ")"
		documented[key] = documented[key] || s.file.Doc != nil && len(s.file.Doc.Text()) > 10
	}
	for name, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment", name)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, s := range walk(t, isProduct) {
		if s.lines > maxLines && !ast.IsGenerated(s.file) {
			t.Errorf("%s has %d lines; more than %d are two things", s.path(), s.lines, maxLines)
		}
	}
}
