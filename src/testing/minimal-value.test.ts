import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minimalValue, UnknownShape } from './minimal-value.ts'

const root = { components: { schemas: { Kind: { type: 'string', enum: ['a', 'b'] } } } }
const text = { type: 'string' }

const known: [schema: object, want: unknown][] = [
  [text, 'x'],
  [{ type: 'string', minLength: 3 }, 'xxx'],
  [{ type: ['string', 'null'], format: 'uuid' }, '00000000-0000-7000-8000-000000000000'],
  [{ type: 'integer', minimum: 7 }, 7],
  [{ type: 'integer' }, 0],
  [{ type: 'number', exclusiveMinimum: 2 }, 3],
  [{ type: 'boolean' }, false],
  [{ const: true, type: 'boolean' }, true],
  [{ type: 'null' }, null],
  [{ $ref: '#/components/schemas/Kind' }, 'a'],
  [{ oneOf: [{ type: 'boolean' }, text] }, false],
  [{ anyOf: [text, { type: 'null' }] }, 'x'],
  [{ type: 'array', items: text }, []],
  [{ type: 'array', items: text, minItems: 2 }, ['x', 'x']],
  [{ type: 'object', properties: { a: text, b: text }, required: ['b'] }, { b: 'x' }],
  [{ type: 'object', properties: { preview: text, a: text, b: text }, minProperties: 1 }, { a: 'x' }],
  [{ type: 'object', properties: { a: text, b: text }, required: ['b'], minProperties: 1 }, { b: 'x' }],
]

test('the smallest value of a schema', () => {
  for (const [schema, want] of known) assert.deepEqual(minimalValue(schema, root), want)
})

test('a schema that does not tell is not guessed at', () => {
  for (const schema of [{}, { type: 'string', pattern: '^a+$' }, { type: 'string', format: 'hostname' }]) {
    assert.throws(() => minimalValue(schema, root), UnknownShape)
  }
})
