package qdmail

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// OpenEnv is Open for the URL in an environment variable, such as MAIL_URL, or in
// the file that the variable of this name with "_FILE" behind it names, as
// secrets of containers are given. Exactly one of the two has to be set. A line
// end at the end of either doesn't count.
//
// To keep a password alone in a file, leave it out of the URL and use the key
// password-file.
func OpenEnv(name string, extra ...Scheme) (*Mailer, error) {
	rawURL, err := fromEnv(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return Open(rawURL, extra...)
}

func fromEnv(name string) (string, error) {
	value, file := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case value == "" && file == "":
		return "", fmt.Errorf("neither %s nor %s_FILE is set", name, name)
	case value != "" && file != "":
		return "", fmt.Errorf("both %s and %s_FILE are set", name, name)
	case value != "":
		return withoutLineEnd(value), nil
	}
	value, err := readSecret(name+"_FILE", file)
	if err == nil && strings.ContainsAny(value, "\r\n") {
		err = errors.New(name + "_FILE: the file has more than one line")
	}
	return value, err
}
