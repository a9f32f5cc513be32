package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// The key that matched is told, so that a rotation can be followed.
func TestSignatureRotation(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.HMAC{Header: "X-Sign", Key: "new", Keys: []string{"old", "older"}, Hash: sdk.SHA256, Encoding: sdk.Hex})
	for i, key := range []string{"new", "old", "older"} {
		got := v.Verify(post("x", "X-Sign", hex256(key, "x")), clock)
		if want := (Result{OK: true, Key: i}); got != want {
			t.Errorf("signed with %s: Verify = %+v, want %+v", key, got, want)
		}
	}
	check(t, "removed key", v, post("x", "X-Sign", hex256("oldest", "x")), badSignature)
}

func TestEd25519(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v := compiled(t, sdk.Signature{ // Telnyx
		Algorithm: sdk.AlgEd25519, Keys: [][]byte{other, public}, Location: "{header.Telnyx-Signature-Ed25519}",
		Encoding: sdk.Base64, Signed: "{time}|{body}", Time: "{header.Telnyx-Timestamp}", MaxAge: 5 * time.Minute,
	})
	sig := ed25519.Sign(private, []byte(strconv.Itoa(noon)+"|x"))
	text := base64.StdEncoding.EncodeToString(sig)
	req := func(body, sig string) *Request {
		return post(body, "Telnyx-Signature-Ed25519", sig, "Telnyx-Timestamp", strconv.Itoa(noon))
	}
	if got, want := v.Verify(req("x", text), clock), (Result{OK: true, Key: 1}); got != want {
		t.Errorf("Verify = %+v, want %+v", got, want)
	}
	check(t, "other body", v, req("y", text), badSignature)
	check(t, "half", v, req("x", base64.StdEncoding.EncodeToString(sig[:32])), malformedSignature)
	check(t, "longer", v, req("x", base64.StdEncoding.EncodeToString(append(sig, 0))), malformedSignature)
	for i := range sig {
		changed := slices.Clone(sig)
		changed[i] ^= 1
		check(t, "flipped", v, req("x", base64.StdEncoding.EncodeToString(changed)), badSignature)
	}
}

func TestECDSA(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		curve elliptic.Curve
		hash  sdk.Hash
	}{{elliptic.P256(), sdk.SHA256}, {elliptic.P384(), sdk.SHA384}, {elliptic.P521(), sdk.SHA512}} {
		private, err := ecdsa.GenerateKey(c.curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		v := compiled(t, signatureWith(func(s *sdk.Signature) {
			s.Algorithm, s.Hash, s.Keys, s.Encoding = sdk.AlgECDSA, c.hash, [][]byte{publicKey(t, c.curve), public}, sdk.Base64
		}))
		sig, err := ecdsa.SignASN1(rand.Reader, private, digestOf(c.hash, "body"))
		if err != nil {
			t.Fatal(err)
		}
		text := base64.StdEncoding.EncodeToString(sig)
		if got, want := v.Verify(post("body", "X-Sign", text), clock), (Result{OK: true, Key: 1}); got != want {
			t.Errorf("%s: Verify = %+v, want %+v", c.hash, got, want)
		}
		check(t, "other body", v, post("bodz", "X-Sign", text), badSignature)
		check(t, "short", v, post("body", "X-Sign", base64.StdEncoding.EncodeToString(sig[:7])), malformedSignature)
		check(t, "trailing byte", v, post("body", "X-Sign", base64.StdEncoding.EncodeToString(append(slices.Clone(sig), 0))), badSignature)
		check(t, "huge", v, post("body", "X-Sign", base64.StdEncoding.EncodeToString(make([]byte, 142))), malformedSignature)
		step := 1
		if c.curve != elliptic.P256() {
			step = 16 // they are slow
		}
		for i := 0; i < len(sig); i += step {
			changed := slices.Clone(sig)
			changed[i] ^= 1
			check(t, "flipped", v, post("body", "X-Sign", base64.StdEncoding.EncodeToString(changed)), badSignature)
		}
	}
}

func digestOf(h sdk.Hash, text string) []byte {
	switch h {
	case sdk.SHA384:
		sum := sha512.Sum384([]byte(text))
		return sum[:]
	case sdk.SHA512:
		sum := sha512.Sum512([]byte(text))
		return sum[:]
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// A digest over key and text, as HubSpot's v2 signs.
func TestDigest(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.Signature{
		Algorithm: sdk.AlgDigest, Hash: sdk.SHA256, Keys: byteKeys([]string{"new", "old"}), Encoding: sdk.Hex,
		Location: "{header.X-HubSpot-Signature}", Signed: "{key}{method}{url}{body}",
	})
	for i, key := range []string{"new", "old"} {
		sig := hex.EncodeToString(digestOf(sdk.SHA256, key+"POSThttps://hooks.example.com/inx"))
		if got, want := v.Verify(post("x", "X-HubSpot-Signature", sig), clock), (Result{OK: true, Key: i}); got != want {
			t.Errorf("%s: Verify = %+v, want %+v", key, got, want)
		}
		check(t, "other body", v, post("y", "X-HubSpot-Signature", sig), badSignature)
	}
	sig := hex.EncodeToString(digestOf(sdk.SHA256, "POSThttps://hooks.example.com/inx"))
	check(t, "no key", v, post("x", "X-HubSpot-Signature", sig), badSignature)
}

// A Verifier keeps its own copy of the keys: the message it was compiled from
// may be used again.
func TestKeysAreCopied(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, c := range map[sdk.Algorithm]struct {
		hash   sdk.Hash
		key    []byte
		signed string
		sig    []byte
	}{
		sdk.AlgHMAC:    {sdk.SHA256, []byte("k"), "{body}", hmac256("k", "x")},
		sdk.AlgDigest:  {sdk.SHA256, []byte("k"), "{key}{body}", digestOf(sdk.SHA256, "kx")},
		sdk.AlgEd25519: {"", slices.Clone(public), "{body}", ed25519.Sign(private, []byte("x"))},
	} {
		v := compiled(t, signatureWith(func(s *sdk.Signature) {
			s.Algorithm, s.Hash, s.Keys, s.Signed = algorithm, c.hash, [][]byte{c.key}, c.signed
		}))
		clear(c.key)
		check(t, string(algorithm), v, post("x", "X-Sign", hex.EncodeToString(c.sig)), "")
	}
}

// A text that cannot be made is no reason to try another one.
func TestMissingPart(t *testing.T) {
	t.Parallel()
	for algorithm, c := range map[sdk.Algorithm]struct {
		hash   sdk.Hash
		key    []byte
		signed string
		size   int
	}{
		sdk.AlgHMAC:    {sdk.SHA384, []byte("k"), "{body}", 48},
		sdk.AlgDigest:  {sdk.MD5, []byte("k"), "{key}{body}", 16},
		sdk.AlgEd25519: {"", make([]byte, 32), "{body}", 64},
		sdk.AlgECDSA:   {sdk.SHA256, publicKey(t, elliptic.P256()), "{body}", 70},
	} {
		v := compiled(t, signatureWith(func(s *sdk.Signature) {
			s.Algorithm, s.Hash, s.Keys, s.Signed = algorithm, c.hash, [][]byte{c.key}, c.signed+"{header.X-Part}"
		}))
		sig := strings.Repeat("30", c.size)
		check(t, string(algorithm), v, post("x", "X-Sign", sig), missingPart)
		check(t, string(algorithm), v, post("x", "X-Sign", sig, "X-Part", "a", "X-Part", "b"), repeatedHeader)
		check(t, string(algorithm), v, post("x", "X-Sign", sig, "X-Part", "a"), badSignature)
	}
}
