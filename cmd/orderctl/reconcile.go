package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// errDiffer: the lists are not equal; the difference is told on the standard output.
var errDiffer = errors.New("the lists differ")

func reconcile() *cobra.Command {
	var s server
	var hospital, day, file, output string
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare a hospital's or a channel's list of a day with ours (对账)",
		Long: `Compare a hospital's or a channel's list of a day with ours (对账): what is missing here, extra here, or different.
The CSV file is UTF-8 or GB18030; its header names the columns: order_no or his_order_no or agt_order_no, for refunds
refund_no, his_refund_no or agt_refund_no, trade_type (pay or refund, 1 or 2), amount in fen or amount_yuan, and if wanted
trade_mode. The numbers are ours, the hospital's (his_) or the channel's (agt_). A row is told apart by the first of them, in
the order above, that is not blank in it: refund_no beside his_refund_no is for refunds after a stop, of which the hospital has
no number.
The exit status is 0 if the lists are equal, 1 if they differ, and 2 if they could not be compared: the file cannot be read,
the server cannot be asked, the differences cannot be written, or the command was called wrongly.`,
		Example:     `  ORDERCTL_AUDIT_TOKEN=demo-audit orderctl reconcile --hospital H001 --day 2026-01-15 --file their.csv --csv differences.csv`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{compares: ""},
		RunE: func(cmd *cobra.Command, _ []string) error {
			theirs, err := readList(file)
			if err != nil {
				return fmt.Errorf("--file: %w", err)
			}
			path := "/audit/hospitals/" + url.PathEscape(hospital) + "/trades/?day=" + url.QueryEscape(day)
			rows, err := s.auditStream(cmd.Context(), request{method: http.MethodGet, path: path})
			if err != nil {
				return err
			}
			defer rows.Close()
			found, err := theirs.compare(rows)
			if err != nil {
				return fmt.Errorf("our list broke off: %w; run it again", err)
			}
			return tellDifferences(cmd.OutOrStdout(), found, output)
		},
	}
	s.auditFlags(cmd)
	cmd.Flags().StringVar(&hospital, "hospital", "", "the hospital's code")
	cmd.Flags().StringVar(&day, "day", "", "the day of the payments, YYYY-MM-DD")
	cmd.Flags().StringVar(&file, "file", "", "their list, CSV")
	cmd.Flags().StringVar(&output, "csv", "", "where to write the differences as CSV too")
	for _, name := range []string{"hospital", "day", "file"} {
		_ = cmd.MarkFlagRequired(name) // it fails for a flag that is not there
	}
	return cmd
}

// Their columns, and ours (projections.TradeFields) that they are compared with. The first of orderKeys and of refundKeys
// that is not blank tells a row apart.
var (
	orderKeys  = []string{"order_no", "his_order_no", "agt_order_no"}
	refundKeys = []string{"refund_no", "his_refund_no", "agt_refund_no"}
	oursOf     = map[string]string{"order_no": "orderNo", "his_order_no": "hisOrderNo", "agt_order_no": "agtOrderNo",
		"refund_no": "refundOrderNo", "his_refund_no": "hisRefundOrderNo", "agt_refund_no": "agtRefundOrderNo", "trade_mode": "tradeMode"}
)

// list is their list: its rows by what tells them apart.
type list struct {
	columns map[string]int
	rows    map[key]*theirRow
	found   []difference
}

// key is what tells a trade apart: numbers, and the columns that they stand in.
type key struct {
	orderBy, order   string
	refundBy, refund string // "" for a payment
	isRefund         bool
}

func keyOf(orderBy, refundBy string, isRefund bool, number func(column string) string) key {
	if !isRefund {
		return key{orderBy: orderBy, order: number(orderBy)}
	}
	return key{orderBy, number(orderBy), refundBy, number(refundBy), true}
}

// String is the trade as it is shown to people.
func (k key) String() string {
	if !k.isRefund {
		return "pay " + k.order
	}
	return strings.TrimSpace("refund " + k.order + " " + k.refund)
}

// kept is the key without the memory that its numbers share.
func (k key) kept() key {
	k.order, k.refund = strings.Clone(k.order), strings.Clone(k.refund)
	return k
}

// notBlank is the first column with a number in it, "" if there is none.
func notBlank(columns []string, number func(column string) string) string {
	for _, column := range columns {
		if number(column) != "" {
			return column
		}
	}
	return ""
}

type theirRow struct {
	line   int
	amount int64
	fields map[string]string // what else is compared
	seen   bool
}

// difference is one line of the report.
type difference struct{ kind, key, field, ours, theirs string }

func readList(name string) (*list, error) {
	text, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	decoded, err := utf8Of(text)
	if err != nil {
		return nil, err
	}
	l, err := parseList(decoded)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// utf8Of decodes GB18030 unless all of the file is UTF-8.
func utf8Of(file io.ReadSeeker) (io.Reader, error) {
	isUTF8 := true
	lines := bufio.NewReader(file)
	for isUTF8 {
		line, err := lines.ReadBytes('\n')
		isUTF8 = utf8.Valid(line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if !isUTF8 {
		return simplifiedchinese.GB18030.NewDecoder().Reader(bufio.NewReader(file)), nil
	}
	lines.Reset(file)
	if mark, _ := lines.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = lines.Discard(3) // they were peeked at
	}
	return lines, nil
}

func parseList(text io.Reader) (*list, error) {
	in := csv.NewReader(text)
	in.ReuseRecord = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty; its first line names the columns, %s among them", strings.Join(orderKeys, " or "))
	}
	if err != nil {
		return nil, err
	}
	l := &list{columns: map[string]int{}, rows: map[key]*theirRow{}}
	for i, name := range header {
		l.columns[strings.ToLower(strings.TrimSpace(name))] = i
	}
	if l.first(orderKeys) == "" {
		return nil, fmt.Errorf("line 1: none of the columns %s", strings.Join(orderKeys, ", "))
	}
	if l.first([]string{"amount", "amount_yuan"}) == "" || l.first([]string{"trade_type"}) == "" {
		return nil, errors.New("line 1: the columns trade_type and amount (fen) or amount_yuan are needed")
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, err // it names line and column
		}
		line, _ := in.FieldPos(0)
		if err := l.add(line, record); err != nil {
			return nil, fmt.Errorf("line %d, %w", line, err)
		}
	}
}

func (l *list) first(names []string) string {
	for _, name := range names {
		if _, ok := l.columns[name]; ok {
			return name
		}
	}
	return ""
}

func (l *list) add(line int, record []string) error {
	get := func(name string) string {
		if i, ok := l.columns[name]; ok {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	kind := get("trade_type")
	isRefund := kind == "2" || kind == "refund"
	if !isRefund && kind != "1" && kind != "pay" {
		return fmt.Errorf("column trade_type: %q is not pay or refund, 1 or 2", kind)
	}
	orderBy, refundBy := notBlank(orderKeys, get), notBlank(refundKeys, get)
	if orderBy == "" {
		return fmt.Errorf("column %s: it is blank", l.first(orderKeys))
	}
	if isRefund && refundBy == "" {
		return fmt.Errorf("column %s: a refund has a number in it", strings.Join(refundKeys, " or "))
	}
	name := l.first([]string{"amount", "amount_yuan"})
	amount, ok := parseAmount(get(name), name == "amount_yuan")
	if !ok {
		return fmt.Errorf("column %s: %q is no amount; amount is in whole fen, amount_yuan in yuan with at most two decimals", name, get(name))
	}
	key := keyOf(orderBy, refundBy, isRefund, get).kept()
	if before := l.rows[key]; before != nil {
		l.twice(key, before.line, line)
		return nil
	}
	row := &theirRow{line: line, amount: amount}
	for column := range l.columns {
		if oursOf[column] != "" && column != orderBy && column != refundBy && get(column) != "" {
			if row.fields == nil {
				row.fields = map[string]string{}
			}
			row.fields[column] = strings.Clone(get(column))
		}
	}
	l.rows[key] = row
	return nil
}

func (l *list) twice(k key, first, second int) {
	l.found = append(l.found, difference{"duplicate", k.String(), "line", "", fmt.Sprintf("%d and %d", min(first, second), max(first, second))})
}

// parseAmount reads fen, or yuan with at most two decimals, without ever rounding.
func parseAmount(text string, yuan bool) (fen int64, ok bool) {
	whole, cents, point := strings.Cut(text, ".")
	if point && (!yuan || len(cents) == 0 || len(cents) > 2) {
		return 0, false
	}
	if yuan {
		whole += (cents + "00")[:2]
	}
	if len(whole) == 0 || len(whole) > 15 || text == "" || text[0] == '.' {
		return 0, false
	}
	for _, c := range whole {
		if c < '0' || c > '9' {
			return 0, false
		}
		fen = fen*10 + int64(c-'0')
	}
	return fen, true
}

// compare reads our list and gives all differences: each of our rows is looked up once.
func (l *list) compare(ours io.Reader) ([]difference, error) {
	in := csv.NewReader(ours)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return nil, err
	}
	names := slices.Clone(header)
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		l.match(func(name string) string {
			if i := slices.Index(names, name); i >= 0 {
				return record[i]
			}
			return ""
		})
	}
	for key, row := range l.rows {
		if !row.seen {
			l.found = append(l.found, difference{"missing", key.String(), "amount", "", fmt.Sprint(row.amount)})
		}
	}
	slices.SortFunc(l.found, func(a, b difference) int {
		return strings.Compare(a.kind+"\x00"+a.key+"\x00"+a.field, b.kind+"\x00"+b.key+"\x00"+b.field)
	})
	return l.found, nil
}

// theirs is their row of one of our trades, whichever of its numbers tells it apart there, nil if there is none.
func (l *list) theirs(isRefund bool, number func(column string) string) (by key, row *theirRow) {
	by = keyOf(notBlank(orderKeys, number), notBlank(refundKeys, number), isRefund, number)
	for _, orderBy := range orderKeys {
		for _, refundBy := range refundKeys {
			key := keyOf(orderBy, refundBy, isRefund, number)
			found := l.rows[key]
			if found == nil || found == row {
				continue
			}
			if found.seen = true; row != nil {
				l.twice(key, row.line, found.line)
				continue
			}
			by, row = key, found
		}
	}
	return by, row
}

// match compares one of our rows.
func (l *list) match(ours func(name string) string) {
	isRefund, amount := ours("tradeType") == "2", ours("payTotalFee")
	if isRefund {
		amount = ours("refundTotalFee")
	}
	by, row := l.theirs(isRefund, func(column string) string {
		if _, has := l.columns[column]; !has {
			return ""
		}
		return ours(oursOf[column])
	})
	if row == nil {
		l.found = append(l.found, difference{"extra", by.String(), "amount", strings.Clone(amount), ""})
		return
	}
	if theirs := fmt.Sprint(row.amount); theirs != amount {
		l.found = append(l.found, difference{"differs", by.String(), "amount", strings.Clone(amount), theirs})
	}
	for column, theirs := range row.fields {
		if mine := ours(oursOf[column]); mine != theirs {
			l.found = append(l.found, difference{"differs", by.String(), column, strings.Clone(mine), theirs})
		}
	}
}

// tellDifferences reports the differences as a table, and as CSV if that is wanted.
func tellDifferences(w io.Writer, found []difference, file string) error {
	if file != "" {
		if err := writeCSV(file, found); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		fmt.Fprintln(w, "the lists are equal")
		return nil
	}
	return errors.Join((output{}).rows(w, differenceColumns, rowsOf(found)), fmt.Errorf("%w in %s; orderctl history NO tells what happened to an order here", errDiffer, places(len(found))))
}

func places(n int) string {
	if n == 1 {
		return "1 place"
	}
	return fmt.Sprintf("%d places", n)
}

var differenceColumns = []string{"what", "trade", "field", "ours", "theirs"}

func rowsOf(found []difference) [][]string {
	rows := make([][]string, len(found))
	for i, d := range found {
		rows[i] = []string{d.kind, d.key, d.field, d.ours, d.theirs}
	}
	return rows
}

func writeCSV(name string, found []difference) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("--csv: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return output{csv: true}.rows(file, differenceColumns, rowsOf(found))
}
