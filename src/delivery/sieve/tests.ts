/** The tests of a script, checked (RFC 5228 §5, RFC 5231, RFC 5232 §4, RFC 5233, RFC 5490 §3.1). */
import {
  type Checker,
  type NodeSpec,
  numberOf,
  type ReadArguments,
  readArguments,
  type TagSpec,
  textOf,
  textsOf,
} from './arguments.ts'
import type { Position } from './lexer.ts'
import { type Comparator, createMatcher, type Matcher, type Relation } from './match.ts'
import type { SieveArgument, SieveNode } from './parser.ts'
import type { AddressPart, SieveTest } from './program.ts'

const relational: TagSpec = { value: 'string', group: 'match', needs: 'relational' }
const matchTags: Record<string, TagSpec> = {
  ':is': { group: 'match' },
  ':contains': { group: 'match' },
  ':matches': { group: 'match' },
  ':value': relational,
  ':count': relational,
  ':comparator': { value: 'string' },
}
const partTags: Record<string, TagSpec> = {
  ':all': { group: 'part' },
  ':localpart': { group: 'part' },
  ':domain': { group: 'part' },
  ':user': { group: 'part', needs: 'subaddress' },
  ':detail': { group: 'part', needs: 'subaddress' },
}

const specs: Record<SieveTest['kind'], NodeSpec> = {
  true: {},
  false: {},
  not: { tests: 'one' },
  allof: { tests: 'list' },
  anyof: { tests: 'list' },
  exists: { positional: ['strings'] },
  size: { tags: { ':over': { group: 'limit' }, ':under': { group: 'limit' } }, positional: ['number'] },
  header: { tags: matchTags, positional: ['strings', 'strings'] },
  address: { tags: { ...matchTags, ...partTags }, positional: ['strings', 'strings'] },
  envelope: { needs: 'envelope', tags: { ...matchTags, ...partTags }, positional: ['strings', 'strings'] },
  hasflag: { needs: 'imap4flags', tags: matchTags, positional: ['strings'] },
  mailboxexists: { needs: 'mailbox', positional: ['strings'] },
}

// RFC 5228 §5.1: fields that hold addresses.
const addressFields = new Set(
  'from to cc bcc sender reply-to resent-from resent-to resent-cc resent-bcc resent-sender return-path delivered-to x-original-to errors-to mail-followup-to disposition-notification-to list-post'.split(
    ' ',
  ),
)

/** @returns null when something is wrong; it was reported. */
export function checkTest(checker: Checker, node: SieveNode): SieveTest | null {
  const kind = node.name
  if (!isTestKind(kind)) {
    checker.problem(node, `There is no test "${kind}".`)
    return null
  }
  const args = readArguments(checker, node, specs[kind])
  const tests = node.tests.flatMap((test) => checkTest(checker, test) ?? [])
  return args && tests.length === node.tests.length ? build(checker, node, kind, args, tests) : null
}

function isTestKind(name: string): name is SieveTest['kind'] {
  return Object.hasOwn(specs, name)
}

function build(
  checker: Checker,
  node: SieveNode,
  kind: SieveTest['kind'],
  args: ReadArguments,
  tests: SieveTest[],
): SieveTest | null {
  const [first, second] = args.positional
  switch (kind) {
    case 'true':
    case 'false':
      return { kind }
    case 'not':
      return tests[0] ? { kind, test: tests[0] } : null
    case 'allof':
    case 'anyof':
      return { kind, tests }
    case 'exists':
      return { kind, names: fieldNames(checker, first) }
    case 'size':
      if (!args.tags.has(':over') && !args.tags.has(':under')) {
        checker.problem(node, '"size" needs ":over" or ":under".')
        return null
      }
      return { kind, over: args.tags.has(':over'), bytes: numberOf(first) }
    case 'hasflag': {
      const matcher = matcherOf(checker, node, args, first)
      return matcher && { kind, matcher }
    }
    case 'mailboxexists':
      return { kind, folders: textsOf(first) }
    case 'header': {
      const matcher = matcherOf(checker, node, args, second)
      return matcher && { kind, names: fieldNames(checker, first), matcher }
    }
    case 'address': {
      const matcher = matcherOf(checker, node, args, second)
      const names = fieldNames(checker, first)
      const odd = names.find((name) => !addressFields.has(name))
      if (odd !== undefined)
        checker.problem(first ?? node, `"${odd}" is not a field with addresses; test it with "header".`)
      return matcher && { kind, names, part: partOf(args), matcher }
    }
    case 'envelope': {
      const matcher = matcherOf(checker, node, args, second)
      const names = textsOf(first).map((name) => name.toLowerCase())
      const odd = names.find((name) => name !== 'from' && name !== 'to')
      if (odd !== undefined) checker.problem(first ?? node, `The envelope has "from" and "to", not "${odd}".`)
      const known = names.filter((name) => name === 'from' || name === 'to')
      return matcher && { kind, names: known, part: partOf(args), matcher }
    }
  }
}

function fieldNames(checker: Checker, arg: SieveArgument | undefined): string[] {
  const names = textsOf(arg).map((name) => name.toLowerCase())
  const odd = names.find((name) => !/^[!-9;-~]+$/.test(name)) // RFC 5322 §3.6.8
  if (arg && odd !== undefined) checker.problem(arg, `"${odd}" is not the name of a header field.`)
  return names
}

function partOf({ tags }: ReadArguments): AddressPart {
  const parts = ['localpart', 'domain', 'user', 'detail'] as const
  return parts.find((part) => tags.has(`:${part}`)) ?? 'all'
}

const relations: readonly string[] = ['gt', 'ge', 'lt', 'le', 'eq', 'ne'] satisfies Relation[]

function isRelation(text: string): text is Relation {
  return relations.includes(text)
}

function matcherOf(
  checker: Checker,
  at: Position,
  { tags }: ReadArguments,
  keys: SieveArgument | undefined,
): Matcher | null {
  const comparator = comparatorOf(checker, tags.get(':comparator') ?? null)
  if (comparator === null) return null
  const relationTag = tags.get(':value') ?? tags.get(':count') ?? null
  const relation = relationTag === null ? 'eq' : textOf(relationTag).toLowerCase()
  if (!isRelation(relation)) {
    checker.problem(relationTag ?? at, `"${relation}" is not one of gt, ge, lt, le, eq and ne.`)
    return null
  }
  const kinds = ['contains', 'matches', 'value', 'count'] as const
  const kind = kinds.find((one) => tags.has(`:${one}`)) ?? 'is'
  if (comparator === 'i;ascii-numeric' && (kind === 'contains' || kind === 'matches')) {
    checker.problem(at, `Numbers cannot be compared with ":${kind}".`)
    return null
  }
  return createMatcher({ kind, comparator, relation }, textsOf(keys))
}

function comparatorOf(checker: Checker, arg: SieveArgument | null): Comparator | null {
  const name = arg === null ? 'i;ascii-casemap' : textOf(arg)
  if (name === 'i;ascii-casemap' || name === 'i;octet') return name // RFC 5228 §2.7.3: these need no require
  if (name === 'i;ascii-numeric' && checker.required.has('comparator-i;ascii-numeric')) return name
  if (arg) {
    checker.problem(
      arg,
      name === 'i;ascii-numeric'
        ? '"i;ascii-numeric" needs: require "comparator-i;ascii-numeric";'
        : `There is no comparator "${name}".`,
    )
  }
  return null
}
