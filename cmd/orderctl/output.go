package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/text/width"
)

// output is the form in which a command prints rows: a table for people, or one for programs.
type output struct{ json, csv bool }

func (o *output) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON as the server gives it")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
}

// rows prints rows under the names of their columns, as a table or as CSV.
func (o output) rows(w io.Writer, columns []string, rows [][]string) error {
	if o.csv {
		return csv.NewWriter(w).WriteAll(append([][]string{columns}, rows...))
	}
	header := make([]string, len(columns))
	for i, name := range columns {
		header[i] = strings.ToUpper(name)
	}
	_, err := io.WriteString(w, aligned(append([][]string{header}, rows...)))
	return err
}

// aligned are rows with columns that begin below each other, also in Chinese.
func aligned(rows [][]string) string {
	widest := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widest[i] = max(widest[i], displayed(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			b.WriteString(cell + strings.Repeat(" ", widest[i]-displayed(cell)+2))
		}
		b.WriteString(row[len(row)-1] + "\n")
	}
	return b.String()
}

// displayed is how many places a text takes on a terminal.
func displayed(text string) (places int) {
	for _, r := range text {
		places++
		if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
			places++
		}
	}
	return places
}

// printed are the rows of a list, as lines of JSON or under the names of their columns.
func printed[T any](w io.Writer, o output, columns []string, items []json.RawMessage, row func(T) []string) error {
	rows := make([][]string, len(items))
	for i, item := range items {
		if o.json {
			if _, err := fmt.Fprintf(w, "%s\n", item); err != nil {
				return err
			}
			continue
		}
		var of T
		if err := json.Unmarshal(item, &of); err != nil {
			return strangeAnswer(err)
		}
		rows[i] = row(of)
	}
	if o.json {
		return nil
	}
	return o.rows(w, columns, rows)
}

// printObject prints one JSON object for people to read.
func printObject(w io.Writer, object []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, object, "", "  "); err != nil {
		return strangeAnswer(err)
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}
