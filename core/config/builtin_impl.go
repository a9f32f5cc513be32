package config

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// textFunction is a function of texts.
func textFunction(result cty.Type, f func(args []string) (cty.Value, error), params ...string) function.Function {
	spec := &function.Spec{
		Type: function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			texts := make([]string, len(args))
			for i, a := range args {
				texts[i] = a.AsString()
			}
			return f(texts)
		},
	}
	for _, name := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: name, Type: cty.String})
	}
	return function.New(spec)
}

func startsWith() function.Function {
	return textFunction(cty.Bool, func(a []string) (cty.Value, error) { return cty.BoolVal(strings.HasPrefix(a[0], a[1])), nil }, "text", "prefix")
}

func endsWith() function.Function {
	return textFunction(cty.Bool, func(a []string) (cty.Value, error) { return cty.BoolVal(strings.HasSuffix(a[0], a[1])), nil }, "text", "suffix")
}

func base64Encode() function.Function {
	return textFunction(cty.String, func(a []string) (cty.Value, error) {
		return cty.StringVal(base64.StdEncoding.EncodeToString([]byte(a[0]))), nil
	}, "text")
}

func base64Decode() function.Function {
	return textFunction(cty.String, func(a []string) (cty.Value, error) {
		out, err := base64.StdEncoding.DecodeString(a[0])
		if err != nil {
			return cty.NilVal, errors.New("it is not base64")
		}
		if !utf8.Valid(out) {
			return cty.NilVal, errors.New("what it stands for is not UTF-8 text")
		}
		return cty.StringVal(string(out)), nil
	}, "text")
}

func sha256Hex() function.Function {
	return textFunction(cty.String, func(a []string) (cty.Value, error) {
		sum := sha256.Sum256([]byte(a[0]))
		return cty.StringVal(hex.EncodeToString(sum[:])), nil
	}, "text")
}

func urlEncode() function.Function {
	return textFunction(cty.String, func(a []string) (cty.Value, error) { return cty.StringVal(url.QueryEscape(a[0])), nil }, "text")
}

// to converts to a type. Unlike cty's own it leaves the marks of elements
// where they are.
func to(want cty.Type) function.Function {
	converted := func(v cty.Value) (cty.Value, error) {
		out, err := convert.Convert(v, want)
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s can't become %s", v.Type().FriendlyName(), want.FriendlyNameForConstraint())
		}
		return out, nil
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowMarked: true, AllowDynamicType: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			out, err := converted(args[0])
			if err != nil {
				return cty.NilType, err
			}
			return out.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return converted(args[0]) },
	})
}

// length counts elements or characters.
func length() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowMarked: true, AllowDynamicType: true}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].Type() == cty.String {
				return stdlib.Strlen(args[0])
			}
			if ty := args[0].Type(); !ty.IsTupleType() && !ty.IsObjectType() && !ty.IsCollectionType() {
				return cty.NilVal, errors.New("a list, an object or text is required")
			}
			return cty.NumberIntVal(int64(args[0].LengthInt())), nil
		},
	})
}

// contains looks for an element in a list, or for a part in a text.
func contains() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].Type() == cty.String {
				part, err := convert.Convert(args[1], cty.String)
				if err != nil || part.IsNull() {
					return cty.NilVal, function.NewArgErrorf(1, "a string is required")
				}
				return cty.BoolVal(strings.Contains(args[0].AsString(), part.AsString())), nil
			}
			return stdlib.Contains(args[0], args[1])
		},
	})
}

// every is alltrue and anytrue: it ends with the first element unlike want.
func every(want bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			for it := args[0].ElementIterator(); it.Next(); {
				if _, v := it.Element(); (v.IsNull() || v.False()) == want {
					return cty.BoolVal(!want), nil
				}
			}
			return cty.BoolVal(want), nil
		},
	})
}

// distinct keeps the first of equal elements. cty's own compares each with each.
func distinct() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			out, err := distinctOf(args[0])
			if err != nil {
				return cty.NilType, err
			}
			return out.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return distinctOf(args[0]) },
	})
}

func distinctOf(v cty.Value) (cty.Value, error) {
	ty := v.Type()
	if !ty.IsListType() && !ty.IsTupleType() && !ty.IsSetType() {
		return cty.NilVal, errors.New("a list is required")
	}
	seen := map[int][]cty.Value{}
	var out []cty.Value
next:
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		h := item.Hash()
		for _, other := range seen[h] {
			if other.RawEquals(item) {
				continue next
			}
		}
		seen[h] = append(seen[h], item)
		out = append(out, item)
	}
	if ty.IsTupleType() || len(out) == 0 && !ty.IsTupleType() && ty.ElementType() == cty.DynamicPseudoType {
		return cty.TupleVal(out), nil
	}
	if len(out) == 0 {
		return cty.ListValEmpty(ty.ElementType()), nil
	}
	return cty.ListVal(out), nil
}

// one takes the only element.
func one() function.Function {
	pick := func(v cty.Value) (cty.Value, error) {
		if ty := v.Type(); !ty.IsListType() && !ty.IsTupleType() && !ty.IsSetType() {
			return cty.NilVal, errors.New("a list is required")
		}
		switch v.LengthInt() {
		case 0:
			return cty.NullVal(cty.DynamicPseudoType), nil
		case 1:
			it := v.ElementIterator()
			it.Next()
			_, item := it.Element()
			return item, nil
		}
		return cty.NilVal, fmt.Errorf("there are %d elements, and at most one is allowed", v.LengthInt())
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType, AllowMarked: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			out, err := pick(args[0])
			if err != nil {
				return cty.NilType, err
			}
			return out.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return pick(args[0]) },
	})
}

func sum() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Number)}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			out := cty.Zero
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				if v.IsNull() {
					return cty.NilVal, errors.New("an element is null")
				}
				out = out.Add(v)
			}
			return out, nil
		},
	})
}
