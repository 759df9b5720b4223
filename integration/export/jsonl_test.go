package export_test

import (
	"path/filepath"
	"testing"

	"github.com/gormtrail/audit/export"
)

// validate checks each line against the schema, and against one that allows
// nothing beside it: what the library writes today is described whole.
const validate = `
import copy, json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
strict = copy.deepcopy(schema)
for name in ("entry", "actor", "object", "request", "change", "notice"):
    strict["$defs"][name]["additionalProperties"] = False
validators = [jsonschema.Draft202012Validator(s, format_checker=jsonschema.FormatChecker()) for s in (schema, strict)]
n = 0
for path in sys.argv[2:]:
    for line in open(path, newline="\n", encoding="utf-8"):
        n += 1
        for v in validators:
            v.validate(json.loads(line))
good = json.loads('{"v":1,"id":"01943f3a-1c00-7000-8000-000000000001","time":"2026-01-07T08:09:10.123456Z","action":"a","outcome":"success"}')
validators[0].validate(good)
bad = [{"v": 2}, {"id": 7}, {"id": "x"}, {"time": "yesterday"}, {"action": ""}, {"outcome": "perhaps"}, {"changes": []}, {"actor": "john"},
    {"changes": [{"field": "f", "op": "add", "old": 1, "new": 2}]}, {"changes": [{"field": "f", "op": "replace", "new": 2}]}, {"changes": [{"field": "f", "op": "move"}]}]
for b in bad:
    if validators[0].is_valid({**good, **b}):
        sys.exit("the schema takes %r" % b)
print(n)
`

func TestJSONLinesFollowTheSchema(t *testing.T) {
	python := python(t, "python3-jsonschema", "json", "jsonschema")
	testdata := filepath.Join("..", "..", "export", "testdata")
	run(t, nil, python, "-c", validate, filepath.Join("..", "..", "export", "entry.schema.json"),
		file(t, export.JSONLines, hostile(t), nil), file(t, export.JSONLines, hostile(t), &export.Options{MaxRows: 3}),
		filepath.Join(testdata, "entries.jsonl"), filepath.Join(testdata, "hostile.jsonl"), filepath.Join(testdata, "truncated.jsonl"))
}
