package sign

import (
	"bytes"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Generate makes a secret key that every apt in use takes signatures of (Ed25519,
// version 4), without a passphrase and without an end, armored. It is made at now.
func Generate(name, mail string, now time.Time) ([]byte, error) {
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return now }}
	e, err := openpgp.NewEntity(name, "", mail, config)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PrivateKeyType, nil)
	if err != nil {
		return nil, err
	}
	if err := e.SerializePrivate(w, config); err != nil {
		return nil, err
	}
	err = w.Close()
	b.WriteByte('\n')
	return b.Bytes(), err
}
