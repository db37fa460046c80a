// Table reads what "go test -bench" prints and prints it as one table, a line a figure.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
)

func main() {
	if err := table(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

var processors = regexp.MustCompile(`-\d+$`)

// table passes on what is no result, so that a failure is seen.
func table(r io.Reader, w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "benchmark\tfigure\tunit\t")
	lines := bufio.NewScanner(r)
	failed := false
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			failed = failed || strings.HasPrefix(lines.Text(), "FAIL")
			if !strings.HasPrefix(lines.Text(), "ok") && !strings.HasPrefix(lines.Text(), "PASS") {
				fmt.Fprintln(w, lines.Text())
			}
			continue
		}
		name := strings.TrimPrefix(processors.ReplaceAllString(fields[0], ""), "Benchmark")
		for i := 2; i+1 < len(fields); i += 2 {
			if fields[i] != "0" {
				fmt.Fprintf(t, "%s\t%s\t%s\t\n", name, fields[i], fields[i+1])
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if failed {
		return fmt.Errorf("a benchmark failed")
	}
	return nil
}
