package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// module is a loaded PKCS#11 library. There is one for each library file in a process, kept for good; it is
// initialised by its first user, anew when a token was lost, and finalised after its last user.
type module struct {
	path string
	lib  *pkcs11.Ctx
	gate gate // entered for every call into lib but those that initialise and finalise it

	// files is held while objects are written, and shared while they are searched: SoftHSM's own locks exclude other
	// processes only, and a search takes an object that another thread is writing for a broken one.
	files     sync.RWMutex
	exclusion exclusion

	mu          sync.Mutex // held while the module is initialised or finalised; never while it is used
	users       int
	foreign     bool // somebody else initialised it, and will finalise it
	initialised bool

	epoch atomic.Uint64 // counts initialisations; it changes only while the gate is shut or the module has no user

	refusedMu sync.Mutex
	refused   map[string][32]byte // by serial number: keyed hash of the PIN that the token refused
}

// softHSMConf names SoftHSM's configuration. A library that does not find its configuration, or the directory that this
// names, says no more than CKR_GENERAL_ERROR.
const softHSMConf = "SOFTHSM2_CONF"

var (
	modulesMu sync.Mutex
	modules   = map[string]*module{}

	// refusalKey makes the hashes of refused PINs useless outside this process.
	refusalKey = sync.OnceValue(func() []byte { return secret.Random(32).Open() })
)

// loadModule returns the library at an absolute path, initialised. Each load needs one release.
func loadModule(path string) (*module, error) {
	if !filepath.IsAbs(path) {
		return nil, fault.New(fault.Invalid, "pkcs11: load module %q: expected an absolute path", path)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "pkcs11: load module: %w", err)
	}
	if info, err := os.Stat(resolved); err != nil || !info.Mode().IsRegular() {
		return nil, fault.New(fault.Invalid, "pkcs11: load module %q: expected a shared library", path)
	}

	modulesMu.Lock()
	m := modules[resolved]
	if m == nil {
		lib := pkcs11.New(resolved)
		if lib == nil {
			modulesMu.Unlock()
			return nil, fault.New(fault.Invalid, "pkcs11: load module %q: not a PKCS#11 library for this machine", path)
		}
		m = &module{path: path, lib: lib, exclusion: exclusion{name: resolved}, refused: map[string][32]byte{}}
		modules[resolved] = m
	}
	modulesMu.Unlock()
	return m, m.acquire()
}

func (m *module) acquire() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users == 0 {
		defer m.exclusion.enter()()
		if err := m.initialise(); err != nil {
			return err
		}
	}
	m.users++
	return nil
}

// initialise is called with m.mu held.
func (m *module) initialise() error {
	err := m.lib.Initialize()
	m.foreign = errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED))
	if err != nil && !m.foreign {
		what := "initialise " + m.path
		if conf, ok := os.LookupEnv(softHSMConf); ok {
			what += " (" + softHSMConf + "=" + conf + ")"
		}
		return failed(err, what, "")
	}
	m.initialised = true
	m.epoch.Add(1)
	return nil
}

func (m *module) release() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users--; m.users > 0 || m.foreign || !m.initialised {
		return nil
	}
	m.initialised = false
	return failed(m.lib.Finalize(), "finalise "+m.path, "")
}

func (m *module) rememberRefusal(serial string, pin *secret.Bytes) {
	m.refusedMu.Lock()
	defer m.refusedMu.Unlock()
	m.refused[serial] = pinHash(pin)
}

func (m *module) hasRefused(serial string, pin *secret.Bytes) bool {
	m.refusedMu.Lock()
	defer m.refusedMu.Unlock()
	before, ok := m.refused[serial]
	now := pinHash(pin)
	return ok && hmac.Equal(before[:], now[:])
}

func pinHash(pin *secret.Bytes) (sum [32]byte) {
	h := hmac.New(sha256.New, refusalKey())
	h.Write(pin.Open())
	h.Sum(sum[:0])
	return sum
}

// slots lists the slots that hold a token, with what the token says of itself.
func (m *module) slots() (map[uint]pkcs11.TokenInfo, error) {
	ids, err := m.lib.GetSlotList(true)
	if err != nil {
		return nil, failed(err, "list the slots of "+m.path, "")
	}
	found := make(map[uint]pkcs11.TokenInfo, len(ids))
	for _, id := range ids {
		info, err := m.lib.GetTokenInfo(id)
		if err != nil {
			continue // the token was taken out between the two calls, or is not recognised
		}
		found[id] = info
	}
	return found, nil
}
