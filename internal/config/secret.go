package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"warden/internal/remedy"
)

// hidden stands wherever a secret would.
const hidden = "<secret>"

// Secret is a value that must not be seen. However it is printed or encoded it
// reads "<secret>"; only Reveal gives it away. The zero Secret is empty.
type Secret struct {
	// A pointer, for fmt prints the strings in unexported fields of structs
	// around it without asking any method.
	value *string
}

// NewSecret wraps a value.
func NewSecret(s string) Secret { return Secret{value: &s} }

// Reveal returns the value itself. Hand it to the wire and to nothing else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet reports whether there is a value that is not empty.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// String is "<secret>".
func (s Secret) String() string { return hidden }

// GoString is "<secret>".
func (s Secret) GoString() string { return hidden }

// Format writes "<secret>", whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText is "<secret>".
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON is "<secret>" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// SecretRef says where a secret is: a bare name is a file in
// $CREDENTIALS_DIRECTORY, an absolute path is a file. It prints as the path or,
// since nobody can tell a bare name from a secret that was pasted in its place,
// as "<secret>". The zero SecretRef refers to nothing.
type SecretRef struct{ ref *string }

// ParseSecretRef reads a *_file key. Its errors never repeat what they read.
func ParseSecretRef(s string) (SecretRef, error) {
	switch {
	case s == "":
		return SecretRef{}, errors.New("is empty: name a file, or leave the key out")
	case strings.HasPrefix(s, "/"):
	case strings.Contains(s, "/"):
		return SecretRef{}, errors.New("is neither a bare name nor an absolute path: write the file's path from / on")
	case !validHost(s) || len(s) > maxName || looksSecret(s):
		return SecretRef{}, errors.New("looks like the secret itself: put that in a file (chmod 600) and write the file's name or path here")
	}
	return SecretRef{ref: &s}, nil
}

// looksSecret knows the prefixes that services give to their tokens, and
// takes 20 and more letters and digits without any separator for random.
func looksSecret(s string) bool {
	for _, prefix := range []string{"xoxb-", "xoxp-", "xapp-", "ghp_", "github_pat_", "glpat-", "glsa_", "eyJ", "sk-", "hvs."} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return len(s) >= 20 && !strings.ContainsAny(s, "-_.") && strings.ContainsAny(s, "0123456789")
}

// IsSet reports whether it refers to anything.
func (r SecretRef) IsSet() bool { return r.ref != nil }

// String is the path, "<secret>" for a bare name, "" when not set.
func (r SecretRef) String() string {
	switch {
	case r.ref == nil:
		return ""
	case strings.HasPrefix(*r.ref, "/"):
		return *r.ref
	default:
		return hidden
	}
}

// GoString is the same as String.
func (r SecretRef) GoString() string { return r.String() }

// Format writes String, whatever the verb.
func (r SecretRef) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// MarshalText implements encoding.TextMarshaler with String.
func (r SecretRef) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Env looks up an environment variable; os.LookupEnv is one.
type Env func(string) (string, bool)

// credentialsDirectory is where systemd puts what LoadCredential= names.
const credentialsDirectory = "CREDENTIALS_DIRECTORY"

// EnvName is the environment variable that wins over a *_file key: WARDEN_, the
// path of the key without its "_file", in capitals, everything but letters and
// digits turned into "_". sources.prometheus.token_file is
// WARDEN_SOURCES_PROMETHEUS_TOKEN.
func EnvName(path ...string) string {
	name := strings.ToUpper(strings.TrimSuffix(strings.Join(path, "_"), "_file"))
	return "WARDEN_" + strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

// Credentials are what a source asks for; all fields are empty for one that
// asks for nothing.
type Credentials struct {
	Token    Secret
	Username string
	Password Secret
}

// Credentials reads the secrets that a node shows a source, the node named as by
// --node.name, or empty for those that every node shows: the environment variable that
// EnvName gives if it is set and not empty, else the file. A key that is not in
// the config is not looked up anywhere. Read them again on every reload. Errors
// name the key and say what to do; they never hold a secret.
func (c *Config) Credentials(source remedy.SourceName, node string, env Env) (Credentials, error) {
	s, at := c.sourceOn(source, node)
	token, err := readSecret(s.TokenFile, env, join(at, "token_file")...)
	if err != nil {
		return Credentials{}, err
	}
	password, err := readSecret(s.PasswordFile, env, join(at, "password_file")...)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{Token: token, Username: s.Username, Password: password}, nil
}

func readSecret(r SecretRef, env Env, path ...string) (Secret, error) {
	if !r.IsSet() {
		return Secret{}, nil
	}
	key, variable := dotted(path), EnvName(path...)
	if v, ok := env(variable); ok && v != "" {
		if err := checkSecret(v); err != nil {
			return Secret{}, fmt.Errorf("%s: $%s %w", key, variable, err)
		}
		return NewSecret(v), nil
	}
	file, err := r.Path(env)
	if err != nil {
		return Secret{}, fmt.Errorf("%s: %w, or set $%s", key, err, variable)
	}
	v, err := readSecretFile(file)
	if err != nil {
		return Secret{}, fmt.Errorf("%s: %w", key, err)
	}
	return NewSecret(v), nil
}

// maxSecret is the size of the largest secret file: tokens are far smaller.
const maxSecret = 64 << 10

// readSecretFile reads a secret of one line from a private file.
func readSecretFile(file string) (string, error) {
	b, err := ReadPrivateFile(file)
	if err != nil {
		return "", err
	}
	v := strings.TrimRight(string(b), "\r\n")
	if err := checkSecret(v); err != nil {
		return "", fmt.Errorf("the secret's file %w", err)
	}
	return v, nil
}

// checkSecret refuses what no header can carry.
func checkSecret(v string) error {
	if v == "" {
		return errors.New("is empty: put the secret in it")
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("holds a line break or another control character: keep the secret on one line")
	}
	return nil
}

// reason strips the path from a file error.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
