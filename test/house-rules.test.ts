/** The house rules that a script can check (EXAMPLES.md habit 25). Import rules are in scripts/floors.ts. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { readSources, repositoryRoot } from '../scripts/sources.ts'
import { matchesAt, type Token, tokenize } from '../scripts/tokens.ts'

const linesMax = 400
const coreFolders = /^src\/(accounts|billing|domains|mailboxes|messages|delivery|webhooks|sequencers)\//

type File = { path: string; text: string; code: Token[]; comments: Token[] }
type Rule = {
  name: string
  advice: string
  appliesTo: (path: string) => boolean
  /** The lines that break the rule, counted from 1. */
  brokenAt: (file: File) => number[]
}

/** A rule gives way only here, for one file and for a reason that a reader can judge. */
const exceptions: { rule: string; path: string; reason: string }[] = []

const rules: Rule[] = [
  {
    name: `at most ${linesMax} lines`,
    advice: 'is there a second subject in it?',
    appliesTo: isProduct,
    brokenAt: ({ text }) => {
      const lines = text.trimEnd().split('\n').length
      return lines > linesMax ? [lines] : []
    },
  },
  {
    name: 'nothing left to fix',
    advice: 'finish it before it is merged',
    appliesTo: () => true,
    brokenAt: ({ comments }) => linesWith(comments, /\bFIXME\b/),
  },
  {
    name: 'what is left to do has its reason',
    advice: 'write TODO: and why it waits',
    appliesTo: () => true,
    brokenAt: ({ comments }) => linesWith(comments, /\bTODO\b(?!: \S)/),
  },
  {
    name: 'one reader of the environment',
    advice: 'take the setting from Config',
    appliesTo: (path) => isProduct(path) && path !== 'src/platform/config.ts' && path !== 'src/main.ts',
    brokenAt: ({ code }) => [
      ...linesOf(code, ['process', '.', 'env']),
      ...code
        .filter((token) => token.kind === 'string' && token.text === 'node:process')
        .map(({ line }) => line),
    ],
  },
  {
    name: 'the core logs, it does not print',
    advice: 'use the logger of the platform',
    appliesTo: (path) => isProduct(path) && coreFolders.test(path),
    brokenAt: ({ code }) => linesOf(code, ['console', '.']),
  },
  {
    name: 'no any',
    advice: 'say what it is, or take unknown and look',
    appliesTo: () => true,
    brokenAt: ({ code }) =>
      [
        [':', 'any'],
        ['as', 'any'],
        ['<', 'any'],
      ].flatMap((texts) => linesOf(code, texts)),
  },
  {
    name: 'no barrels',
    advice: 'import the file that has it',
    appliesTo: (path) => path.startsWith('src/'),
    brokenAt: ({ path }) => (/^index\.tsx?$/.test(basename(path)) ? [1] : []),
  },
]

const sources = await readSources(['src', 'test', 'bench', 'scripts'])
const files = [...sources].map(([path, text]) => readFileOf(path, text))

for (const rule of rules) {
  test(`house rule: ${rule.name}`, () => {
    const broken = files
      .filter(({ path }) => rule.appliesTo(path) && !isExcepted(rule, path))
      .flatMap((file) => rule.brokenAt(file).map((line) => `${file.path}:${line}`))
    assert.deepEqual(broken, [], rule.advice)
  })
}

test('every exception has a reason and is still needed', () => {
  for (const { rule: name, path, reason } of exceptions) {
    const rule = rules.find((other) => other.name === name)
    const file = files.find((other) => other.path === path)
    assert.ok(reason.trim() !== '', `${path}: why?`)
    assert.ok(rule && file && rule.appliesTo(path), `${path}: '${name}' does not apply to such a file`)
    assert.notDeepEqual(rule.brokenAt(file), [], `${path}: keeps '${name}' now, remove the exception`)
  }
})

const samples: [rule: string, path: string, text: string, brokenAt: number[]][] = [
  [`at most ${linesMax} lines`, 'src/api/a.ts', '//\n'.repeat(400), []],
  [`at most ${linesMax} lines`, 'src/api/a.ts', '//\n'.repeat(401), [401]],
  ['nothing left to fix', 'src/api/a.ts', '\n/*\n FIXME */', [2]],
  ['nothing left to fix', 'src/api/a.ts', "const word = 'FIXME'", []],
  ['what is left to do has its reason', 'src/api/a.ts', '// TODO', [1]],
  ['what is left to do has its reason', 'src/api/a.ts', '// TODO: waits for RFC 9999', []],
  ['one reader of the environment', 'src/api/a.ts', "a\nconst b = process.env['B']", [2]],
  ['one reader of the environment', 'src/api/a.ts', "import { env } from 'node:process'", [1]],
  ['one reader of the environment', 'src/api/a.ts', '// not process.env', []],
  ['the core logs, it does not print', 'src/domains/a.ts', 'console.error(1)', [1]],
  ['no any', 'src/api/a.ts', 'let a: any\nlet b = c as any\nlet d: Set<any>', [1, 2, 3]],
  ['no any', 'src/api/a.ts', 'let a: unknown // : any', []],
  ['no barrels', 'src/api/index.ts', '', [1]],
  ['no barrels', 'src/api/index-page.ts', '', []],
]
for (const [name, path, text, brokenAt] of samples) {
  test(`sample: ${name}: ${JSON.stringify(text.slice(0, 40))}`, () => {
    const rule = rules.find((other) => other.name === name)
    assert.ok(rule, name)
    assert.ok(rule.appliesTo(path), path)
    assert.deepEqual(rule.brokenAt(readFileOf(path, text)), brokenAt)
  })
}

test('decision records are numbered once each, without gaps, and have their three parts', async () => {
  const folder = join(repositoryRoot, 'docs/decisions')
  const names = (await readdir(folder)).sort()
  assert.ok(names.length > 0)
  for (const [at, name] of names.entries()) {
    assert.match(name, /^\d{4}-[a-z0-9-]+\.md$/)
    const number = name.slice(0, 4)
    assert.equal(Number(number), at + 1, `${name}: a number is used once and none is left out`)
    const text = await readFile(join(folder, name), 'utf8')
    assert.match(text, new RegExp(`^# ${number} `), `${name}: the title starts with its number`)
    const parts = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
    assert.deepEqual(parts, ['Context', 'Decision', 'Consequences'], name)
  }
})

test('the changelog has a section for what is not yet released, and it is the first', async () => {
  const text = await readFile(join(repositoryRoot, 'CHANGELOG.md'), 'utf8')
  assert.match(text.match(/^## .*$/m)?.[0] ?? '', /^## Unreleased$/)
})

function readFileOf(path: string, text: string): File {
  const tokens = tokenize(text)
  const isComment = ({ kind }: Token) => kind === 'comment'
  return { path, text, code: tokens.filter((token) => !isComment(token)), comments: tokens.filter(isComment) }
}

/** Source of the program itself: under src/, neither a test nor a helper of tests. */
function isProduct(path: string): boolean {
  return path.startsWith('src/') && !path.startsWith('src/testing/') && !path.endsWith('.test.ts')
}

function isExcepted(rule: Rule, path: string): boolean {
  return exceptions.some((exception) => exception.rule === rule.name && exception.path === path)
}

function linesWith(tokens: readonly Token[], pattern: RegExp): number[] {
  return tokens.filter(({ text }) => pattern.test(text)).map(({ line }) => line)
}

function linesOf(code: readonly Token[], texts: readonly string[]): number[] {
  return code.flatMap(({ line }, at) => (matchesAt(code, at, texts) ? [line] : []))
}
