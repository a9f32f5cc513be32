package config

import (
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// builtins is the table of all functions.
func builtins() []builtin {
	return slices.Concat(textFunctions(), collectionFunctions(), setFunctions(), numberFunctions(), typeFunctions(), encodingFunctions(), timeFunctions(), fileFunctions())
}

// of makes a builtin of a function that needs nothing of its scope.
func of(group, name, signature, doc, example, result string, f function.Function) builtin {
	return builtin{
		Function: Function{Group: group, Name: name, Signature: signature, Doc: doc, Example: example, Result: result},
		impl:     func(*loader) function.Function { return f },
	}
}

// keeps says that a function passes secrets on whole.
func (b builtin) keeps(rule secretRule) builtin {
	b.secrets = rule
	return b
}

// unifying says that a function makes one type of those of all elements.
func (b builtin) unifying() builtin {
	b.unifies = true
	return b
}

// checked gives a function a check of its arguments.
func (b builtin) checked(check func([]cty.Value) *refusal) builtin {
	b.check = check
	return b
}

func textFunctions() []builtin {
	t := func(name, signature, doc, example, result string, f function.Function) builtin {
		return of("text", name, signature, doc, example, result, f)
	}
	return []builtin{
		t("chomp", "chomp(text)", "Without line breaks at the end.", `chomp("a\n")`, `"a"`, stdlib.ChompFunc),
		t("endswith", "endswith(text, suffix)", "Whether text ends with suffix.", `endswith("a.csv", ".csv")`, `true`, endsWith()),
		t("format", "format(pattern, values...)", "Text with values in it: %s text, %d whole numbers, %05.2f numbers, %q quoted, %% a percent sign.", `format("%s-%03d", "n", 7)`, `"n-007"`, stdlib.FormatFunc).checked(checkFormat),
		t("join", "join(separator, list)", "The elements as one text.", `join(", ", ["a", "b"])`, `"a, b"`, stdlib.JoinFunc).checked(checkJoin).keeps(wholeSecrets),
		t("lower", "lower(text)", "With small letters.", `lower("Ab")`, `"ab"`, stdlib.LowerFunc),
		t("regex", "regex(pattern, text)", "The first match of a regular expression (RE2): the text, or a list or an object of its groups.", `regex("[0-9]+", "a12b3")`, `"12"`, stdlib.RegexFunc).checked(checkRegex),
		t("regexall", "regexall(pattern, text)", "All matches, as regex gives the first.", `regexall("[0-9]+", "a12b3")`, `["12", "3"]`, stdlib.RegexAllFunc).checked(checkRegex),
		t("replace", "replace(text, old, new)", "With new wherever old was.", `replace("a-b-c", "-", "+")`, `"a+b+c"`, stdlib.ReplaceFunc).checked(checkReplace),
		t("split", "split(separator, text)", "The parts of a text between separators.", `split(",", "a,b")`, `["a", "b"]`, stdlib.SplitFunc).checked(checkSplit),
		t("startswith", "startswith(text, prefix)", "Whether text starts with prefix.", `startswith("+44", "+")`, `true`, startsWith()),
		t("substr", "substr(text, offset, length)", "The part from offset on; a negative offset counts from the end, length -1 means up to the end.", `substr("abcd", 1, 2)`, `"bc"`, stdlib.SubstrFunc),
		t("title", "title(text)", "With a capital at the start of each word.", `title("new york")`, `"New York"`, stdlib.TitleFunc),
		t("trim", "trim(text, characters)", "Without any of the characters at both ends.", `trim("--a-", "-")`, `"a"`, stdlib.TrimFunc),
		t("trimprefix", "trimprefix(text, prefix)", "Without prefix, if it starts with that.", `trimprefix("whatsapp:+44", "whatsapp:")`, `"+44"`, stdlib.TrimPrefixFunc),
		t("trimspace", "trimspace(text)", "Without white space at both ends.", `trimspace(" a ")`, `"a"`, stdlib.TrimSpaceFunc),
		t("trimsuffix", "trimsuffix(text, suffix)", "Without suffix, if it ends with that.", `trimsuffix("a.csv", ".csv")`, `"a"`, stdlib.TrimSuffixFunc),
		t("upper", "upper(text)", "With capitals.", `upper("Ab")`, `"AB"`, stdlib.UpperFunc),
	}
}

func collectionFunctions() []builtin {
	c := func(name, signature, doc, example, result string, f function.Function) builtin {
		return of("collections", name, signature, doc, example, result, f)
	}
	return []builtin{
		c("alltrue", "alltrue(list)", "Whether all elements are true; yes for none.", `alltrue([true, 1 < 2])`, `true`, every(true)),
		c("anytrue", "anytrue(list)", "Whether one element is true.", `anytrue([false, 1 < 2])`, `true`, every(false)),
		c("coalesce", "coalesce(values...)", "The first that is not null.", `coalesce(null, "a")`, `"a"`, stdlib.CoalesceFunc).keeps(wholeSecrets).unifying(),
		c("compact", "compact(list)", "Without empty texts and nulls.", `compact(["a", "", "b"])`, `["a", "b"]`, stdlib.CompactFunc),
		c("concat", "concat(lists...)", "All lists in one.", `concat(["a"], ["b", "c"])`, `["a", "b", "c"]`, stdlib.ConcatFunc).keeps(wholeSecrets).checked(checkConcat),
		c("contains", "contains(list, value)", "Whether value is an element of a list, or a part of a text.", `contains(["a", "b"], "b")`, `true`, contains()),
		c("distinct", "distinct(list)", "Each element once, in the order of the first.", `distinct(["b", "a", "b"])`, `["b", "a"]`, distinct()),
		c("element", "element(list, index)", "The element at index, from 0; past the end it starts again.", `element(["a", "b"], 3)`, `"b"`, stdlib.ElementFunc).keeps(inElements),
		c("flatten", "flatten(list)", "With the elements of lists in the list, at any depth.", `flatten([["a"], [["b"], "c"]])`, `["a", "b", "c"]`, stdlib.FlattenFunc).keeps(inElements),
		c("keys", "keys(object)", "The names in an object or map, sorted.", `keys({ b = 1, a = 2 })`, `["a", "b"]`, stdlib.KeysFunc).keeps(inElements),
		c("length", "length(value)", "How many elements, or characters of a text.", `length(["a", "b"])`, `2`, length()).keeps(inElements),
		c("merge", "merge(objects...)", "All objects in one; the later wins.", `merge({ a = 1 }, { a = 2, b = 3 })`, `{ a = 2, b = 3 }`, stdlib.MergeFunc).keeps(wholeSecrets).unifying(),
		c("one", "one(list)", "The only element; null for none.", `one(["a"])`, `"a"`, one()).keeps(inElements),
		c("range", "range(start, limit, step)", "Numbers from start to before limit, at most 1024; start and step may be left out.", `range(1, 4)`, `[1, 2, 3]`, stdlib.RangeFunc),
		c("reverse", "reverse(list)", "In the other order.", `reverse(["a", "b"])`, `["b", "a"]`, stdlib.ReverseListFunc).keeps(inElements),
		c("slice", "slice(list, from, to)", "The elements from index from to before index to.", `slice(["a", "b", "c"], 0, 2)`, `["a", "b"]`, stdlib.SliceFunc).keeps(inElements),
		c("sort", "sort(list)", "Texts in order.", `sort(["b", "a"])`, `["a", "b"]`, stdlib.SortFunc),
		c("values", "values(object)", "The values in the order of the names.", `values({ b = 1, a = 2 })`, `[2, 1]`, stdlib.ValuesFunc).keeps(inElements),
		c("zipmap", "zipmap(names, values)", "An object of names and values.", `zipmap(["a", "b"], [1, 2])`, `{ a = 1, b = 2 }`, stdlib.ZipmapFunc).keeps(inElements),
	}
}

func setFunctions() []builtin {
	s := func(name, signature, doc, example, result string, f function.Function) builtin {
		return of("collections", name, signature, doc, example, result, f).unifying()
	}
	return []builtin{
		s("setintersection", "setintersection(sets...)", "What is in all of them.", `setintersection(["a", "b"], ["b"])`, `["b"]`, stdlib.SetIntersectionFunc),
		s("setsubtract", "setsubtract(a, b)", "What is in a and not in b.", `setsubtract(["a", "b"], ["b"])`, `["a"]`, stdlib.SetSubtractFunc),
		s("setunion", "setunion(sets...)", "What is in any of them.", `setunion(["b"], ["a", "b"])`, `["a", "b"]`, stdlib.SetUnionFunc),
	}
}

func numberFunctions() []builtin {
	n := func(name, signature, doc, example, result string, f function.Function) builtin {
		return of("numbers", name, signature, doc, example, result, f)
	}
	return []builtin{
		n("abs", "abs(number)", "Without its sign.", `abs(-2)`, `2`, stdlib.AbsoluteFunc),
		n("ceil", "ceil(number)", "The next whole number that is not smaller.", `ceil(1.2)`, `2`, stdlib.CeilFunc),
		n("floor", "floor(number)", "The next whole number that is not larger.", `floor(1.8)`, `1`, stdlib.FloorFunc),
		n("max", "max(numbers...)", "The largest.", `max(1, 3, 2)`, `3`, stdlib.MaxFunc),
		n("min", "min(numbers...)", "The smallest.", `min(1, 3, 2)`, `1`, stdlib.MinFunc),
		n("sum", "sum(list)", "All numbers added up.", `sum([1, 2, 3])`, `6`, sum()),
	}
}

func typeFunctions() []builtin {
	t := func(name, signature, doc, example, result string, f function.Function) builtin {
		return of("types", name, signature, doc, example, result, f)
	}
	call := func(name, signature, doc, example, result string) builtin {
		return builtin{Function: Function{Group: "types", Name: name, Signature: signature, Doc: doc, Example: example, Result: result}}
	}
	return []builtin{
		call("can", "can(expression)", "Whether the expression can be evaluated.", `can(tonumber("x"))`, `false`),
		t("tobool", "tobool(value)", "As true or false.", `tobool("true")`, `true`, to(cty.Bool)),
		t("tolist", "tolist(value)", "As a list, whose elements have one type.", `tolist(toset(["b", "a"]))`, `["a", "b"]`, to(cty.List(cty.DynamicPseudoType))).keeps(inElements).unifying(),
		t("tomap", "tomap(value)", "As a map, whose values have one type.", `tomap({ a = 1, b = "2" })`, `{ a = "1", b = "2" }`, to(cty.Map(cty.DynamicPseudoType))).keeps(inElements).unifying(),
		t("tonumber", "tonumber(value)", "As a number.", `tonumber("12")`, `12`, to(cty.Number)),
		t("toset", "toset(list)", "As a set: each element once, in order.", `toset(["b", "a", "b"])`, `["a", "b"]`, to(cty.Set(cty.DynamicPseudoType))).unifying(),
		t("tostring", "tostring(value)", "As text.", `tostring(12)`, `"12"`, to(cty.String)).keeps(wholeSecrets),
		call("try", "try(expressions...)", "The first expression that can be evaluated.", `try(tonumber("x"), 0)`, `0`),
	}
}

func encodingFunctions() []builtin {
	e := func(name, signature, doc, example, result string, f function.Function) builtin {
		return of("encoding", name, signature, doc, example, result, f)
	}
	return []builtin{
		e("base64decode", "base64decode(text)", "The text that base64 stands for.", `base64decode("YWI=")`, `"ab"`, base64Decode()),
		e("base64encode", "base64encode(text)", "In base64.", `base64encode("ab")`, `"YWI="`, base64Encode()),
		e("csvdecode", "csvdecode(text)", "A list of objects, one for each line after the first, which names the columns.", `csvdecode("a,b\n1,2\n")`, `[{ a = "1", b = "2" }]`, stdlib.CSVDecodeFunc).checked(checkCSV),
		e("jsondecode", "jsondecode(text)", "The value that JSON stands for.", `jsondecode("{\"a\":[1,2]}")`, `{ a = [1, 2] }`, stdlib.JSONDecodeFunc).checked(checkJSON),
		e("jsonencode", "jsonencode(value)", "As JSON.", `jsonencode({ a = [1, 2] })`, `"{\"a\":[1,2]}"`, stdlib.JSONEncodeFunc).checked(checkEncodable),
		e("sha256", "sha256(text)", "The SHA-256 hash in hex.", `sha256("")`, `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`, sha256Hex()),
		e("urlencode", "urlencode(text)", "As part of a URL.", `urlencode("a b&c")`, `"a+b%26c"`, urlEncode()),
	}
}

func timeFunctions() []builtin {
	t := func(name, signature, doc, example, result string, f function.Function) builtin {
		return of("time", name, signature, doc, example, result, f)
	}
	return []builtin{
		t("formatdate", "formatdate(pattern, time)", "A time (RFC 3339) as text: YYYY, MM, DD, hh, mm, ss, MMM and EEE names.", `formatdate("DD MMM YYYY", "2026-01-31T12:00:00Z")`, `"31 Jan 2026"`, stdlib.FormatDateFunc).checked(checkShort),
		t("timeadd", "timeadd(time, duration)", "A time later, or earlier with a minus.", `timeadd("2026-01-31T12:00:00Z", "36h")`, `"2026-02-02T00:00:00Z"`, stdlib.TimeAddFunc),
	}
}

func fileFunctions() []builtin {
	f := func(name, signature, doc, example string, impl func(*loader) function.Function) builtin {
		return builtin{Function: Function{Group: "files", Name: name, Signature: signature, Doc: doc, Example: example}, impl: impl}
	}
	return []builtin{
		f("csv", "csv(path)", "What csvdecode makes of a file in the configuration's folder.", `csv("tenants.csv")`, (*loader).csvFunction),
		f("file", "file(path)", "The text of a file in the configuration's folder, in UTF-8.", `file("banner.txt")`, (*loader).fileFunction),
		f("secret", "secret(reference)", "A secret from the environment, a file or a command: it reaches the plugin and nothing else.", `secret("env:API_KEY")`, nil),
	}
}
