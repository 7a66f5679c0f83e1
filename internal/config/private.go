package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Path is the file that r refers to: the path itself, or a bare name's file in
// $CREDENTIALS_DIRECTORY. It is "" for the zero SecretRef. It says nothing of
// whether the file is there.
func (r SecretRef) Path(env Env) (string, error) {
	if !r.IsSet() {
		return "", nil
	}
	return CredentialPath(*r.ref, env)
}

// errNoCredentials is what becomes of a bare name where systemd hands out none.
var errNoCredentials = errors.New("a bare name is looked up in $" + credentialsDirectory + ", which is not set")

// CredentialPath is the file that name means: a name without "/" is one in
// $CREDENTIALS_DIRECTORY, where systemd puts what LoadCredential= names, by
// itself or as warden_NAME; all else is a path and stays as it is. Its error
// never repeats the name.
func CredentialPath(name string, env Env) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	dir, ok := env(credentialsDirectory)
	if !ok || dir == "" {
		return "", fmt.Errorf("%w: add LoadCredential= to the unit, or write an absolute path", errNoCredentials)
	}
	return inCredentials(dir, name), nil
}

// ReadPrivateFile reads a file whose content is nobody else's business, 64 KiB
// at most, and refuses one that others can read or write. Its errors don't name
// the file, for its name may be a secret that was pasted in its place.
func ReadPrivateFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("the secret's file can't be read: %w", reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the secret's file can't be read: %w", reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("the secret's file is not a regular file")
	}
	if perm := info.Mode().Perm(); perm&0o027 != 0 {
		return nil, fmt.Errorf("the secret's file has mode %#o, and others can read or write it: run chmod 600 (or 640, for a group of its own) on it", perm)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("the secret's file can't be read: %w", reason(err))
	}
	if len(b) > maxSecret {
		return nil, errors.New("the secret's file is larger than 64 KiB: is it the right one?")
	}
	return b, nil
}
