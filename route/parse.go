package route

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError is one mistake in a file.
type SyntaxError struct {
	// Line and Column are where it is, both counted from 1; columns are
	// characters.
	Line, Column int
	// Text is what is wrong.
	Text string
	// Err is the cause, such as a *TargetError. Nil if the line can't be read.
	Err error
}

// Error returns "line 3, column 14: " and the text.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

func newSyntaxError(column int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Column: column, Text: fmt.Sprintf(format, args...)}
}

// Errors are all mistakes of a file, at most one for each line, in their order.
type Errors []*SyntaxError

// Error returns the mistakes, a line each.
func (e Errors) Error() string {
	var list []string
	for _, err := range e {
		list = append(list, err.Error())
	}
	return "route: " + strings.Join(list, "\n")
}

// Unwrap returns the mistakes.
func (e Errors) Unwrap() []error {
	var list []error
	for _, err := range e {
		list = append(list, err)
	}
	return list
}

// Parse reads the text of a file; its form is described above. The routes come in
// the order of the lines. The error is an Errors with every line that is wrong.
// Which targets there are is not for Parse to say, but for Config.Open.
func Parse(text string) ([]Route, error) {
	routes, _, err := parse(text)
	return routes, err
}

// parse returns the lines of the routes beside them, counted from 1.
func parse(text string) (routes []Route, lines []int, _ error) {
	var errs Errors
	found := index{}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		list, err := words(strings.TrimSuffix(line, "\r"))
		var r Route
		switch {
		case err != nil:
		case len(list) == 0:
			continue
		default:
			r, err = parseLine(list)
		}
		if err == nil {
			routes, lines = append(routes, r), append(lines, n)
			if before, ok := found.enter(len(routes)-1, routes); !ok {
				err = newSyntaxError(list[0].column, "line %d has the same pattern and takes all its mail", lines[before])
			}
		}
		if err != nil {
			err.Line = n
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, nil, errs
	}
	return routes, lines, nil
}

// parseLine reads the words of a line that has some.
func parseLine(list []word) (r Route, err *SyntaxError) {
	if r.Pattern, err = list[0].plain("pattern"); err != nil {
		return r, err
	}
	if _, err := parsePatterns(r.Pattern); err != nil {
		return r, newSyntaxError(list[0].column, "%v", err)
	}
	if len(list) < 2 {
		return r, newSyntaxError(list[0].column+utf8.RuneCountInString(r.Pattern), "a target is missing after the pattern")
	}
	target, err := list[1].plain("target")
	if err != nil {
		return r, err
	}
	r.Target = Target(target)
	seen := map[string]bool{}
	for _, w := range list[2:] {
		if err := r.option(w, seen); err != nil {
			return r, err
		}
	}
	return r, nil
}

// plain returns a word that is no option and not quoted.
func (w word) plain(what string) (string, *SyntaxError) {
	if w.keyed || w.quoted {
		return "", newSyntaxError(w.column, "a %s comes here, without quotation marks and \"=\"", what)
	}
	return w.value, nil
}

// option reads one option.
func (r *Route) option(w word, seen map[string]bool) *SyntaxError {
	if !w.keyed {
		return newSyntaxError(w.column, "an option comes here, such as tls=verify, not %.60q", w.value)
	}
	var keys []string
	for _, o := range options() {
		keys = append(keys, o.key)
		if o.key != w.key {
			continue
		}
		value := w.column + utf8.RuneCountInString(w.key) + 1
		switch {
		case seen[w.key]:
			return newSyntaxError(w.column, "%s is there already", w.key)
		case w.value == "":
			return newSyntaxError(value, "the value of %s is missing", w.key)
		case w.key == "reply" && r.Target != Refuse:
			return newSyntaxError(w.column, "only refuse has a reply")
		case r.Target.own() && w.key != "reply" && w.key != "from":
			return newSyntaxError(w.column, "%s has no option %s", r.Target, w.key)
		}
		seen[w.key] = true
		if err := o.parse(r, w.value); err != nil {
			return newSyntaxError(value, "%s: %v", w.key, err)
		}
		return nil
	}
	return newSyntaxError(w.column, "there is no option %.60q (there are %s)", w.key, strings.Join(keys, ", "))
}
