import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readImports } from './imports.ts'
import { tokenize } from './tokens.ts'

// A dollar sign before a brace is written \x24, because the linter takes the pair for a forgotten template.
const rows: [name: string, source: string, want: string[]][] = [
  ['named', `import { a, type B, c as d } from './a.ts'`, ['./a.ts:1']],
  ['default and named', `import a, { b } from "./a.ts"`, ['./a.ts:1']],
  ['namespace', `import * as a from './a.ts'`, ['./a.ts:1']],
  ['type only', `import type { A } from './a.ts'`, ['./a.ts:1']],
  ['side effect', `import './a.ts'`, ['./a.ts:1']],
  ['over several lines', `\n\nimport {\n  a, // from './no.ts'\n  b,\n} from './a.ts'`, ['./a.ts:3']],
  ['with attributes', `import a from './a.json' with { type: 'json' }`, ['./a.json:1']],
  ['a string as name', `import { 'odd name' as odd } from './a.ts'`, ['./a.ts:1']],
  ['named from', `import { from } from './a.ts'`, ['./a.ts:1']],
  ['several', `import './a.ts'\nimport './b.ts';import './c.ts'`, ['./a.ts:1', './b.ts:2', './c.ts:2']],
  ['export list', `export { a, b as c } from './a.ts'`, ['./a.ts:1']],
  ['export all', `export * from './a.ts'\nexport * as b from './b.ts'`, ['./a.ts:1', './b.ts:2']],
  ['export type', `export type { A } from './a.ts'\nexport type * from './b.ts'`, ['./a.ts:1', './b.ts:2']],
  ['export without from', `export { a }\nconst from = './no.ts'`, []],
  ['export of a type', `export type A = { from: './no.ts' }\nexport const from = './no.ts'`, []],
  ['import()', `const a = await import('./a.ts')`, ['./a.ts:1']],
  ['import() with options', `import('./a.json', { with: { type: 'json' } })`, ['./a.json:1']],
  ['import() of a plain template', 'import(`./a.ts`)', ['./a.ts:1']],
  ['import() of a computed name', 'import(`./\x24{a}.ts`)\nimport(name)', ['computed:1', 'computed:2']],
  ['import type', `let a: import('./a.ts').A\nlet b: typeof import('./b.ts')`, ['./a.ts:1', './b.ts:2']],
  ['import() spread', `call(...import('./a.ts'))`, ['./a.ts:1']],
  ['import.meta', `const here = import.meta.url, from = './no.ts'`, []],
  ['members called import', `cli.import('./no.ts')\nconst a = { import: './no.ts' }`, []],
  ['a method called import', `const a = { import(path: string): void { open(path) } }`, []],
  ['require', `const a = require('./a.cjs')`, ['./a.cjs:1']],
  [
    'module augmentation',
    `declare module '../platform/database.ts' { interface Tables {} }`,
    ['../platform/database.ts:1'],
  ],
  ['augmentation of a package', `declare module 'fastify' {}`, []],
  ['in comments', `// import './no.ts'\n/* import './no.ts'\n */ import './a.ts'`, ['./a.ts:3']],
  ['in strings', `const a = "import './no.ts'", b = 'it\\'s import("./no.ts")'`, []],
  [
    'in templates',
    "const a = `import './no.ts' \x24{await import('./a.ts')} import './no.ts'`",
    ['./a.ts:1'],
  ],
  ['in nested templates', "`\x24{ { a: `\x24{1}'` } }`; import './a.ts'", ['./a.ts:1']],
  ['after a regular expression with quotes', `const a = /['"\`/*]/g\nimport './a.ts'`, ['./a.ts:2']],
  ['after a division', `const a = b / c; import './a.ts' // d / e`, ['./a.ts:1']],
  ['after a broken string', `const a = 'open\nimport './a.ts'`, ['./a.ts:2']],
  ['after a hash-bang', `#!/usr/bin/env import './no.ts'\nimport './a.ts'`, ['./a.ts:2']],
]
for (const [name, source, want] of rows) {
  test(name, () => {
    const found = readImports(source).map(({ specifier, line }) => `${specifier ?? 'computed'}:${line}`)
    assert.deepEqual(found, want)
  })
}

const fragments = [
  'import',
  'export',
  'from',
  ' ',
  '\n',
  "'",
  '"',
  '`',
  '${',
  '}',
  '{',
  '/',
  '*',
  '(',
  ')',
  '\\',
  '[',
  'a',
  '.',
]

test('any text is read to its end without an exception', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...fragments)), (pieces) => {
      const source = pieces.join('')
      readImports(source)
      const last = tokenize(source).at(-1)
      assert.ok((last?.line ?? 1) <= source.split('\n').length)
    }),
  )
})
