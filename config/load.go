package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Override is what the command line and the environment say, which goes before
// the file. Empty values say nothing.
type Override struct {
	DataDir string
}

// Load reads and checks a file. Its error is *Complaints, with all that is wrong,
// unless the file cannot be read at all. Paths in the result are absolute or
// relative to the working directory; secrets are read from their files.
func Load(path string, o Override) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, bad := Parse(text, path, o)
	if c.secretInFile(text) {
		if err := notForAll(path); err != nil {
			bad.add(0, "", "%v, and it has a secret in it; make it 0600", err)
		}
	}
	if len(bad.List) > 0 {
		return nil, bad
	}
	return c, nil
}

// Parse reads a configuration from text. file names it in complaints, and paths
// are relative to its folder. The Config is whole even when there are complaints.
func Parse(text []byte, file string, o Override) (*Config, *Complaints) {
	c := Default()
	r := &reader{bad: &Complaints{File: file}, lines: map[string]int{}}
	r.decode(text, &c)
	r.paths(&c, filepath.Dir(file))
	if o.DataDir != "" {
		c.DataDir = o.DataDir
	}
	r.secrets(&c)
	r.check(&c)
	return &c, r.bad
}

// paths makes file names relative to the folder of the configuration.
func (r *reader) paths(c *Config, dir string) {
	list := []*string{&c.DataDir, &c.Listeners.TLSCert, &c.Listeners.TLSKey, &c.Database.URIFile,
		&c.Registration.SharedSecretFile, &c.Egress.CACert, &c.Mail.PasswordFile}
	for i := range c.AppServices.Files {
		list = append(list, &c.AppServices.Files[i])
	}
	for _, p := range list {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// secrets reads what is kept in files of its own.
func (r *reader) secrets(c *Config) {
	r.secret(&c.Database.URI, &c.Database.URIFile, "database.uri")
	r.secret(&c.Registration.SharedSecret, &c.Registration.SharedSecretFile, "registration.shared_secret")
	r.secret(&c.Mail.Password, &c.Mail.PasswordFile, "mail.password")
}

func (r *reader) secret(value *Secret, file *string, path string) {
	if *file == "" {
		return
	}
	at := path + "_file"
	if *value != "" {
		r.complain(at, "%s is set too; use one of them", path)
		return
	}
	raw, err := os.ReadFile(*file)
	if err == nil {
		err = notForAll(*file)
	}
	if err != nil {
		r.complain(at, "%v", plain(err))
		return
	}
	*file = ""
	if *value = Secret(strings.TrimRight(string(raw), "\r\n")); *value == "" {
		r.complain(at, "the file is empty")
	}
}

// plain leaves the name of the system call out of a file's error.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return errors.New(pe.Path + ": " + pe.Err.Error())
	}
	return err
}

// notForAll refuses a file that every user of the machine can read.
func notForAll(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if fi.Mode().Perm()&0o007 != 0 {
		return errors.New(path + " can be read by everybody on this machine")
	}
	return nil
}

// secretInFile reports whether the text itself holds a secret.
func (c *Config) secretInFile(text []byte) bool {
	for _, s := range []Secret{c.Registration.SharedSecret, c.Mail.Password, passwordOf(c.Database.URI)} {
		if s != "" && strings.Contains(string(text), s.Reveal()) {
			return true
		}
	}
	return false
}

// passwordOf is the password in a database URI.
func passwordOf(uri Secret) Secret {
	if _, rest, ok := strings.Cut(uri.Reveal(), "://"); ok {
		login, _, at := strings.Cut(rest, "@")
		if _, pw, ok := strings.Cut(login, ":"); ok && at {
			return Secret(pw)
		}
		return ""
	}
	for _, field := range strings.Fields(uri.Reveal()) {
		if pw, ok := strings.CutPrefix(field, "password="); ok {
			return Secret(strings.Trim(pw, "'"))
		}
	}
	return ""
}
