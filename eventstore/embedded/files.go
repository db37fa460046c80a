package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// FileFault is a file of the folder that is not as it was written.
type FileFault struct {
	File string
	// Position is the first one that may be lost by it, 0 if that cannot be told from the file.
	Position uint64
	Why      error
	after    uint64 // the position before the damage in a journal
}

func (f FileFault) Error() string { return fmt.Sprintf("%s: %v", f.File, f.Why) }

// A kind of file in the folder, by its name, with what reads all of it.
type fileKind struct {
	name  *regexp.Regexp
	check func(c *fileCheck, name string, number uint64) error
}

var fileKinds = []fileKind{
	{regexp.MustCompile(`^([0-9]{6,})(?:-[0-9]{3})?\.log$`), (*fileCheck).journal},
	{regexp.MustCompile(`^([0-9]{6,})\.sst$`), (*fileCheck).table},
	{regexp.MustCompile(`^MANIFEST-([0-9]{6,})$`), (*fileCheck).manifest},
	{regexp.MustCompile(`^OPTIONS-([0-9]{6,})$`), (*fileCheck).options},
	{regexp.MustCompile(`^(?:LOCK|marker\..*)$`), (*fileCheck).empty},
	{regexp.MustCompile(`^temporary\.([0-9]{6,})\.dbtmp$`), func(*fileCheck, string, uint64) error { return nil }}, // left by a crash, never read
}

// fileCheck goes over the folder.
type fileCheck struct {
	fs     vfs.FS
	dir    string
	o      Options
	last   uint64 // the highest position seen in this journal
	tables uint64 // the highest position seen in a table
}

// checkFiles reads every byte of every file and holds it against the checksums that stand there. What opening the log and
// reading all of it cannot see is found so: a journal that seems to end early, a filter, the settings.
func checkFiles(ctx context.Context, dir string, o Options) (faults []FileFault, err error) {
	c := &fileCheck{fs: o.FS, dir: dir, o: o}
	names, err := c.fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.last = 0
		if err := c.file(name); err != nil {
			faults = append(faults, FileFault{File: name, Why: err, after: c.last})
		}
	}
	for i := range faults {
		if strings.HasSuffix(faults[i].File, ".log") {
			faults[i].Position = max(faults[i].after, c.tables) + 1
		}
	}
	return faults, nil
}

func (c *fileCheck) file(name string) error {
	for _, kind := range fileKinds {
		if match := kind.name.FindStringSubmatch(name); match != nil {
			number, _ := strconv.ParseUint(append(match, "0")[1], 10, 64) // 0 for names without one
			return kind.check(c, name, number)
		}
	}
	return errors.New("it is no file of the log")
}

func (c *fileCheck) content(name string) (data []byte, err error) {
	f, err := c.fs.Open(c.fs.PathJoin(c.dir, name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}

// journal reads the appends that are in no table yet.
func (c *fileCheck) journal(name string, number uint64) error {
	return c.records(name, number, func(batch []byte) error {
		if _, ok := batchrepr.ReadHeader(batch); !ok {
			return errors.New("a batch is too short")
		}
		reader := batchrepr.Read(batch)
		for {
			_, key, _, ok, err := reader.Next()
			if err != nil || !ok {
				return err
			}
			if position, ok := parseRecordKey(key); ok {
				c.last = max(c.last, position)
			}
		}
	})
}

// manifest reads the list of the tables; pebble reads it again, and what it says, when it opens the log.
func (c *fileCheck) manifest(name string, _ uint64) error {
	return c.records(name, 0, func([]byte) error { return nil })
}

func (c *fileCheck) records(name string, number uint64, taken func([]byte) error) error {
	data, err := c.content(name)
	if err != nil {
		return err
	}
	j := journal{data: data, number: uint32(number), taken: taken}
	if fault := j.read(); fault != nil {
		return fault
	}
	return nil
}

// table reads every block of a table.
func (c *fileCheck) table(name string, _ uint64) (err error) {
	f, err := c.fs.Open(c.fs.PathJoin(c.dir, name))
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	policy := bloom.FilterPolicy(10)
	reader, err := sstable.NewReader(context.Background(), readable, sstable.ReaderOptions{Filters: map[string]pebble.FilterPolicy{policy.Name(): policy}})
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	defer func() { err = cmp.Or(err, reader.Close()) }()
	if err := reader.ValidateBlockChecksums(); err != nil {
		return err
	}
	return c.highest(reader)
}

// highest finds the last record of a table.
func (c *fileCheck) highest(reader *sstable.Reader) (err error) {
	it, err := reader.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, it.Close()) }()
	if kv := it.SeekLT([]byte{recordPrefix + 1}, 0); kv != nil {
		if position, ok := parseRecordKey(kv.K.UserKey); ok {
			c.tables = max(c.tables, position)
		}
	}
	return nil
}

// options holds the settings against those that the log is opened with. Pebble reads few of them, so most of a
// changed file would change nothing; but it is not as it was written.
func (c *fileCheck) options(name string, _ uint64) error {
	if c.o.OtherVersions {
		return nil
	}
	data, err := c.content(name)
	if err != nil {
		return err
	}
	settings := c.o.pebbleOptions()
	settings.EnsureDefaults()
	want := settings.String()
	for i := range min(len(want), len(data)) {
		if want[i] != data[i] {
			return fmt.Errorf("byte %d: the settings are not those of this program; if another version of it had the log open last, open and close the log with this one", i)
		}
	}
	if len(want) != len(data) {
		return fmt.Errorf("the settings have %d bytes, not %d as this program writes them", len(data), len(want))
	}
	return nil
}

// empty is a file that says all by its name.
func (c *fileCheck) empty(name string, _ uint64) error {
	data, err := c.content(name)
	if err == nil && len(data) > 0 {
		err = fmt.Errorf("it has %d bytes, where nothing is written", len(data))
	}
	return err
}
