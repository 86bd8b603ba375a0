package route

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFile is the size of a file that nobody can have meant.
const maxFile = 16 << 20

// Load makes a Table of a file. The error is an Errors if it is about lines: all that
// can't be read, or else all whose target or options nobody can make, or else the
// first whose transport can't be opened.
func (u URLs) Load(file string) (*Table, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	routes, places, err := u.read(text)
	if err != nil {
		return nil, err
	}
	return u.open(routes, places)
}

func readFile(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("the file is too large for a table of routes")
	}
	return string(text), err
}

// places finds the routes of a text in it.
type places struct {
	text  []string // its lines
	lines []int    // of the routes
}

// read reads the text of a file and looks whether its targets can be made.
func (u URLs) read(text string) ([]Route, places, error) {
	routes, lines, err := parse(text)
	if err != nil {
		return nil, places{}, err
	}
	at := places{strings.Split(text, "\n"), lines}
	var errs Errors
	for i, r := range routes {
		if r.Target.own() {
			continue
		}
		if _, err := u.way(r.Target, r.Options); err != nil {
			errs = append(errs, at.error(i, err))
		}
	}
	if errs != nil {
		return nil, at, errs
	}
	return routes, at, nil
}

// open makes the table.
func (u URLs) open(routes []Route, at places) (*Table, error) {
	cfg := Config{Routes: routes, Open: u.OpenTarget, MX: u.MX}
	if cfg.MX == nil {
		cfg.MX = LookupMX(nil)
	}
	t, err := New(cfg)
	if e, ok := errors.AsType[*RouteError](err); ok {
		err = Errors{at.error(e.Route, e.Err)}
	}
	return t, err
}

// error says where in the file a mistake in a route is: at the option that it is
// about, or at the target.
func (p places) error(i int, err error) *SyntaxError {
	line := strings.TrimSuffix(p.text[p.lines[i]-1], "\r")
	list, _ := words(line)
	e := &SyntaxError{Line: p.lines[i], Column: utf8.RuneCountInString(line) + 1, Text: err.Error(), Err: err}
	if len(list) > 1 {
		e.Column = list[1].column
	}
	if t, ok := errors.AsType[*TargetError](err); ok && t.Option != "" {
		for _, w := range list {
			if w.key == t.Option {
				e.Column = w.column
			}
		}
	}
	return e
}

// unused returns the relays that no route names.
func (u URLs) unused(routes []Route) []string {
	names := maps.Clone(u.Relays)
	for _, r := range routes {
		if r.Target.Kind() == "relay" {
			delete(names, r.Target.Arg())
		}
	}
	return slices.Sorted(maps.Keys(names))
}
