package config

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// secretText is text that may hold a secret, byte for byte.
type secretText struct {
	text    string
	marked  bool // it does
	missing bool // the secret isn't there, so neither is the text
}

// secret is an argument that must not be seen. False means that what is wrong
// with it has been reported.
func (b *body) secret(a *hclsyntax.Attribute) (secretText, bool) {
	return b.secretAt(a.Expr, quote(a.Name), true)
}

// secretAt reads an expression that may hold a secret; must says that it should.
func (b *body) secretAt(e hclsyntax.Expression, what string, must bool) (secretText, bool) {
	v, ok := b.l.eval(e, b.context)
	marked := ok && v.ContainsMarked()
	if must && !marked {
		b.l.blankLiteral(e)
	}
	if !ok {
		return secretText{}, false
	}
	rng := e.Range()
	if v.Type() != cty.String || v.IsNull() {
		b.report(diag.WrongType, rng, what+" must be a string", "")
		return secretText{}, false
	}
	p := &pluginBody{l: b.l}
	g, ok := p.plain(b, v, rng)
	if !ok {
		return secretText{}, false
	}
	s := secretText{marked: marked, missing: p.missing}
	if !s.missing {
		s.text, _ = g.(string)
	}
	if must && !marked {
		b.l.clearSecret(rng, b.context, s.text)
	}
	return s, true
}
