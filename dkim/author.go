package dkim

import "strings"

// author returns the domain of the first mailbox in From, as it is written there.
func (h header) author() (string, error) {
	for _, f := range h {
		if !strings.EqualFold(f.name, "From") {
			continue
		}
		if domain := authorDomain(f.value); domain != "" {
			return domain, nil
		}
		break
	}
	return "", ErrNoFrom
}

// authorDomain returns the domain of the first mailbox in an unfolded From field,
// as it is written there; empty if it has none.
func authorDomain(value string) string {
	var box strings.Builder // without comments and quoted strings
	quoted, angle, literal, comment := false, false, false, 0
scan:
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || comment > 0):
			i++
		case quoted:
			quoted = c != '"'
		case literal:
			literal = c != ']'
			box.WriteByte(c)
		case c == '"' && comment == 0:
			quoted = true
		case c == '(':
			comment++
		case comment > 0:
			if c == ')' {
				comment--
			}
		case c == ' ' || c == '\t':
		case c == '[':
			literal = true
			box.WriteByte(c)
		case c == '<':
			angle = true
			box.Reset() // what came before was the name
		case c == '>' && angle:
			break scan
		case c == ',' && !angle, c == ';':
			if strings.Contains(box.String(), "@") {
				break scan
			}
			box.Reset()
		case c == ':' && !angle:
			box.Reset() // what came before was the name of a group
		default:
			box.WriteByte(c)
		}
	}
	at := strings.LastIndexByte(box.String(), '@')
	if at < 0 || quoted || comment > 0 {
		return ""
	}
	return box.String()[at+1:]
}
