package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// maxEnvelope is how long a line may be: an append of the log has at most 900 KiB.
const maxEnvelope = 2 << 20

func replayEvents() *cobra.Command {
	var s server
	var after, types, output string
	var follow bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Write the events of the log, one CloudEvents envelope a line",
		Long: `Write the events of the log, one CloudEvents envelope a line, to the standard output or a file.
A file that is there already is continued after its last whole line, so a replay that broke off is simply run again.`,
		Example: `  ORDERCTL_AUDIT_TOKEN=demo-audit orderctl replay --types refund,stop --output events.ndjson`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if output != "" {
				file, last, err := continued(output)
				if err != nil {
					return err
				}
				defer file.Close()
				out, after = file, cmp.Or(last, after)
			}
			query := url.Values{"after": {after}, "types": {types}}
			r := request{method: http.MethodGet, path: "/replay/events?" + query.Encode()}
			if follow {
				r.accept = "text/event-stream"
			}
			events, err := s.auditStream(cmd.Context(), r)
			if err != nil {
				return err
			}
			defer events.Close()
			n, err := copyEvents(out, events, follow, progress(cmd.ErrOrStderr()))
			fmt.Fprintf(cmd.ErrOrStderr(), "%d events\n", n)
			if err != nil && cmd.Context().Err() == nil {
				return fmt.Errorf("the replay broke off: %w; run it again with --output to go on", err)
			}
			return nil
		},
	}
	s.auditFlags(cmd)
	cmd.Flags().StringVar(&after, "after", "0", "the position to begin after; 0 is the beginning")
	cmd.Flags().StringVar(&types, "types", "", "event types, or refund, stop, payment, order, question, message, hospital, between commas")
	cmd.Flags().StringVar(&output, "output", "", "the file to write or to continue")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with what happens, until interrupted")
	return cmd
}

// continued opens a file to be added to behind its last whole line, and gives that line's position.
func continued(name string) (file *os.File, position string, err error) {
	file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, "", err
	}
	end, position, err := lastLine(file)
	if err == nil {
		err = file.Truncate(end)
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("--output %s: %w", name, err), file.Close())
	}
	return file, position, nil
}

// lastLine finds where the last whole line ends, and its position, reading the end of the file alone. A file that is
// no replay is left as it is, with an error.
func lastLine(file *os.File) (end int64, position string, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, "", err
	}
	from := max(0, info.Size()-2*maxEnvelope)
	tail := make([]byte, info.Size()-from)
	if _, err := file.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return 0, "", err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole == 0 {
		if len(tail) > 0 && !bytes.HasPrefix(tail, []byte(`{"specversion"`)) {
			return 0, "", errors.New("the file is no replay: name another")
		}
		return 0, "", nil
	}
	begin := bytes.LastIndexByte(tail[:whole-1], '\n') + 1
	var last struct{ Position string }
	if err := json.Unmarshal(tail[begin:whole], &last); err != nil || last.Position == "" {
		return 0, "", errors.New("the file is no replay, for its last line has no position: name another")
	}
	return from + int64(whole), last.Position, nil
}

// progress shows how many events came, on a terminal alone.
func progress(w io.Writer) *progressbar.ProgressBar {
	visible := false
	if file, ok := w.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
		visible = err == nil
	}
	return progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetVisibility(visible), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"), progressbar.OptionSetDescription("replay"), progressbar.OptionClearOnFinish())
}

// copyEvents writes whole lines alone.
func copyEvents(w io.Writer, events io.Reader, sse bool, bar *progressbar.ProgressBar) (n int64, err error) {
	out := bufio.NewWriterSize(w, 256<<10)
	lines := bufio.NewReaderSize(events, maxEnvelope)
	defer func() { err = errors.Join(err, out.Flush(), bar.Finish()) }()
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if sse {
			data, ok := bytes.CutPrefix(line, []byte("data: "))
			if !ok {
				continue
			}
			line = data
		}
		if _, err := out.Write(line); err != nil {
			return n, err
		}
		if sse {
			if err := out.Flush(); err != nil {
				return n, err
			}
		}
		n++
		if n%1000 == 0 || sse {
			_ = bar.Set64(n) // how it looks is no reason to stop
		}
	}
}
