/** A script is checked whole before it is stored: every name, every argument, every extension that it uses. */
import { parseAddress } from '../../mailboxes/address.ts'
import {
  type Checker,
  capabilities,
  createChecker,
  type NodeSpec,
  numberOf,
  type ReadArguments,
  readArguments,
  textOf,
  textsOf,
} from './arguments.ts'
import type { Position, SieveProblem } from './lexer.ts'
import { sieveLimits } from './limits.ts'
import { parseSieve, type SieveNode } from './parser.ts'
import type { SieveAction, SieveProgram, SieveStatement } from './program.ts'
import { checkTest } from './tests.ts'

export type CompiledScript = { ok: true; program: SieveProgram } | { ok: false; problems: SieveProblem[] }

const problemsMax = 20

/** Never throws. Of a script that is no Sieve at all only the first mistake is told. */
export function compileSieve(script: string): CompiledScript {
  const parsed = parseSieve(script)
  if (!parsed.ok) return { ok: false, problems: [parsed.problem] }
  const first = parsed.commands.findIndex(({ name }) => name !== 'require')
  const requires = first < 0 ? parsed.commands : parsed.commands.slice(0, first)
  const checker = createChecker(new Set(requires.flatMap(({ args }) => args.flatMap((arg) => textsOf(arg)))))
  for (const node of requires) checkRequire(checker, node)
  const statements = checkBlock(checker, parsed.commands.slice(requires.length))
  if (checker.problems.length > 0) return { ok: false, problems: checker.problems.slice(0, problemsMax) }
  return { ok: true, program: { statements, asksFolders: checker.required.has('mailbox') } }
}

function checkRequire(checker: Checker, node: SieveNode): void {
  const [arg] = readArguments(checker, node, { positional: ['strings'] })?.positional ?? []
  const known: readonly string[] = capabilities
  for (const name of textsOf(arg)) {
    if (!known.includes(name)) checker.problem(arg ?? node, `The extension "${name}" is not supported here.`)
  }
}

const flagTags = { ':flags': { value: 'strings', needs: 'imap4flags' } } as const
const copyTag = { ':copy': { needs: 'copy' } } as const

const specs = {
  keep: { tags: flagTags },
  discard: {},
  stop: {},
  fileinto: {
    needs: 'fileinto',
    tags: { ...flagTags, ...copyTag, ':create': { needs: 'mailbox' } },
    positional: ['string'],
  },
  redirect: { tags: copyTag, positional: ['string'] },
  setflag: { needs: 'imap4flags', positional: ['strings'] },
  addflag: { needs: 'imap4flags', positional: ['strings'] },
  removeflag: { needs: 'imap4flags', positional: ['strings'] },
  vacation: {
    needs: 'vacation',
    tags: {
      ':days': { value: 'number' },
      ':subject': { value: 'string' },
      ':from': { value: 'string' },
      ':addresses': { value: 'strings' },
      ':mime': {},
      ':handle': { value: 'string' },
    },
    positional: ['string'],
  },
  if: { tests: 'one', hasBlock: true },
  elsif: { tests: 'one', hasBlock: true },
  else: { hasBlock: true },
} as const satisfies Record<string, NodeSpec>

type CommandName = keyof typeof specs

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(specs, name)
}

function checkBlock(checker: Checker, nodes: readonly SieveNode[]): SieveStatement[] {
  const statements: SieveStatement[] = []
  let before: string | null = null
  for (const node of nodes) {
    const { name } = node
    if (name === 'require') checker.problem(node, '"require" must stand before everything else.')
    else if (!isCommand(name)) checker.problem(node, `There is no command "${name}".`)
    else if (name === 'if' || name === 'elsif' || name === 'else')
      checkIf(checker, node, name, before, statements)
    else {
      const args = readArguments(checker, node, specs[name])
      if (args)
        statements.push({ line: node.line, column: node.column, ...checkCommand(checker, node, name, args) })
    }
    before = name
  }
  return statements
}

/** `elsif` and `else` join the `if` before them. */
function checkIf(
  checker: Checker,
  node: SieveNode,
  name: 'if' | 'elsif' | 'else',
  before: string | null,
  statements: SieveStatement[],
): void {
  if (name !== 'if' && before !== 'if' && before !== 'elsif') {
    checker.problem(node, `"${name}" must follow "if" or "elsif".`)
  }
  readArguments(checker, node, specs[name])
  const [testNode] = node.tests
  const test = testNode ? checkTest(checker, testNode) : null
  const branch = { test: test ?? { kind: 'true' as const }, body: checkBlock(checker, node.block ?? []) }
  const last = statements.at(-1)
  if (name !== 'if' && last?.kind === 'if') last.branches.push(branch)
  else statements.push({ line: node.line, column: node.column, kind: 'if', branches: [branch] })
}

type Checked =
  | { kind: 'stop' }
  | { kind: 'flags'; change: 'setflag' | 'addflag' | 'removeflag'; flags: string[] }
  | { kind: 'action'; action: SieveAction }

function checkCommand(
  checker: Checker,
  node: SieveNode,
  name: Exclude<CommandName, 'if' | 'elsif' | 'else'>,
  args: ReadArguments,
): Checked {
  switch (name) {
    case 'stop':
      return { kind: 'stop' }
    case 'setflag':
    case 'addflag':
    case 'removeflag':
      return { kind: 'flags', change: name, flags: flagsOf(checker, node, textsOf(args.positional[0])) }
    default:
      return { kind: 'action', action: checkAction(checker, node, name, args) }
  }
}

function checkAction(
  checker: Checker,
  node: SieveNode,
  name: SieveAction['kind'],
  { tags, positional }: ReadArguments,
): SieveAction {
  const flags = tags.has(':flags') ? flagsOf(checker, node, textsOf(tags.get(':flags'))) : null
  const isCopy = tags.has(':copy')
  const text = textOf(positional[0])
  switch (name) {
    case 'keep':
      return { kind: 'keep', flags }
    case 'discard':
      return { kind: 'discard' }
    case 'fileinto':
      if (text === '') checker.problem(positional[0] ?? node, 'The name of a folder is missing.')
      return { kind: 'fileinto', folder: text, isCopy, create: tags.has(':create'), flags }
    case 'redirect':
      return { kind: 'redirect', address: addressOf(checker, positional[0] ?? node, text), isCopy }
    case 'vacation': {
      const { vacationDaysMin, vacationDaysMax, vacationDaysDefault } = sieveLimits
      const days = tags.has(':days') ? numberOf(tags.get(':days')) : vacationDaysDefault
      const from = tags.get(':from') ?? null
      return {
        kind: 'vacation',
        vacation: {
          days: Math.min(vacationDaysMax, Math.max(vacationDaysMin, days)),
          subject: tags.has(':subject') ? textOf(tags.get(':subject')) : null,
          from: from === null ? null : addressOf(checker, from, textOf(from)),
          addresses: textsOf(tags.get(':addresses')),
          isMime: tags.has(':mime'),
          handle: tags.has(':handle') ? textOf(tags.get(':handle')) : null,
          reason: text,
        },
      }
    }
  }
}

function addressOf(checker: Checker, at: Position, text: string): string {
  const parsed = parseAddress(text)
  if (!parsed.ok) checker.problem(at, `"${text}" ${parsed.problem}.`)
  return parsed.ok ? parsed.value.address : text
}

// RFC 5232 §2: one text may hold several flags. A keyword is an atom (RFC 9051 §9), of a length that a row can have.
const systemFlag = /^\\(?:seen|answered|flagged|deleted|draft)$/i
const keyword = /^[!#$&'+,./0-9:;<=>?@A-Z[^_`a-z|}~-]{1,100}$/

function flagsOf(checker: Checker, at: Position, texts: readonly string[]): string[] {
  const flags = texts.flatMap((text) => text.split(' ').filter((one) => one !== ''))
  const odd = flags.find((one) => !systemFlag.test(one) && !keyword.test(one))
  if (odd !== undefined) checker.problem(at, `"${odd}" is not a flag that a message can have.`)
  return flags
}
