package homeserver

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// certificates is a certificate that is read again when its file changed, so that
// a renewed one needs no restart.
type certificates struct {
	cert, key string
	clock     func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	written time.Time // of the file that current came from
	looked  time.Time
}

const lookEvery = time.Minute

func newCertificates(cert, key string, clock func() time.Time) (*certificates, error) {
	c := &certificates{cert: cert, key: key, clock: clock}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("listeners.tls_cert: %w", err)
	}
	return c, nil
}

func (c *certificates) load() error {
	fi, err := os.Stat(c.cert)
	if err != nil {
		return err
	}
	if c.current != nil && fi.ModTime().Equal(c.written) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.current, c.written = &pair, fi.ModTime()
	return nil
}

// get gives the newest certificate that could be read.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.clock(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		_ = c.load() // a half-written pair is read at the next look
	}
	return c.current, nil
}

// quietLog receives what net/http has to say of single connections: strangers'
// broken handshakes are nothing an operator should look at.
func quietLog(l *logrus.Entry) *log.Logger {
	if !l.Logger.IsLevelEnabled(logrus.DebugLevel) {
		return log.New(io.Discard, "", 0)
	}
	return log.New(l.WriterLevel(logrus.DebugLevel), "", 0)
}
