/** Arguments of commands and tests (RFC 5228 §2.6): which tags each may have, and what must stand behind them. */
import type { Position, SieveProblem } from './lexer.ts'
import type { SieveArgument, SieveNode } from './parser.ts'

/** What `require` may name. */
export const capabilities = [
  'fileinto',
  'envelope',
  'copy',
  'mailbox',
  'imap4flags',
  'subaddress',
  'relational',
  'vacation',
  'comparator-i;octet',
  'comparator-i;ascii-casemap',
  'comparator-i;ascii-numeric',
] as const

export type Capability = (typeof capabilities)[number]

type ValueKind = 'number' | 'string' | 'strings'

export type TagSpec = {
  /** What stands behind it. */
  value?: ValueKind
  /** Of several tags of one group only one may stand. */
  group?: string
  needs?: Capability
}

export type NodeSpec = {
  needs?: Capability
  tags?: Readonly<Record<string, TagSpec>>
  positional?: readonly ValueKind[]
  /** How many tests. */
  tests?: 'one' | 'list'
  hasBlock?: boolean
}

export type Checker = {
  readonly required: ReadonlySet<string>
  problem(at: Position, detail: string): void
}

/** The arguments by name and place; what is wrong was reported, and then it is null. */
export type ReadArguments = {
  tags: ReadonlyMap<string, SieveArgument | null>
  positional: readonly SieveArgument[]
}

export function createChecker(required: ReadonlySet<string>): Checker & { problems: SieveProblem[] } {
  const problems: SieveProblem[] = []
  return {
    required,
    problems,
    problem: ({ line, column }, detail) => void problems.push({ line, column, detail }),
  }
}

/** Checks a node against what its name allows. */
export function readArguments(checker: Checker, node: SieveNode, spec: NodeSpec): ReadArguments | null {
  const faults: [Position, string][] = []
  const needs = (at: Position, capability: Capability | undefined, what: string): void => {
    if (capability !== undefined && !checker.required.has(capability))
      faults.push([at, `"${what}" needs: require "${capability}";`])
  }
  needs(node, spec.needs, node.name)
  const tags = new Map<string, SieveArgument | null>()
  const positional: SieveArgument[] = []
  const groups = new Set<string>()
  for (let at = 0; at < node.args.length; at++) {
    const arg = node.args[at]
    if (!arg) break
    if (arg.kind !== 'tag') {
      positional.push(arg)
      continue
    }
    const tag = spec.tags?.[arg.name]
    if (!tag) {
      faults.push([arg, `"${node.name}" has no "${arg.name}".`])
      continue
    }
    needs(arg, tag.needs, arg.name)
    const group = tag.group ?? arg.name
    if (groups.has(group)) faults.push([arg, `"${arg.name}" cannot stand beside another of its kind.`])
    groups.add(group)
    const value = tag.value === undefined ? null : node.args[++at]
    if (tag.value !== undefined && !isKind(value, tag.value))
      faults.push([value ?? arg, `${words[tag.value]} is expected behind "${arg.name}".`])
    tags.set(arg.name, value ?? null)
  }
  faults.push(...positionalFaults(node, spec.positional ?? [], positional), ...shapeFaults(node, spec))
  for (const [at, detail] of faults) checker.problem(at, detail)
  return faults.length === 0 ? { tags, positional } : null
}

const words = { number: 'A number', string: 'A text', strings: 'A text or a list of texts' } as const

function positionalFaults(
  node: SieveNode,
  wanted: readonly ValueKind[],
  given: readonly SieveArgument[],
): [Position, string][] {
  if (given.length !== wanted.length) {
    const count =
      wanted.length === 0
        ? 'no argument'
        : wanted.length === 1
          ? 'one argument'
          : `${wanted.length} arguments`
    return [[given[wanted.length] ?? node, `"${node.name}" takes ${count}, not ${given.length}.`]]
  }
  return wanted.flatMap((kind, index): [Position, string][] => {
    const arg = given[index]
    return isKind(arg, kind) ? [] : [[arg ?? node, `${words[kind]} is expected here.`]]
  })
}

function shapeFaults(node: SieveNode, { tests, hasBlock = false }: NodeSpec): [Position, string][] {
  const faults: [Position, string][] = []
  if (tests === undefined && node.tests.length > 0) faults.push([node, `"${node.name}" takes no test.`])
  if (tests === 'one' && (node.tests.length !== 1 || node.isTestList))
    faults.push([node, `"${node.name}" takes one test, without parentheses.`])
  if (tests === 'list' && !node.isTestList) faults.push([node, `"${node.name}" takes tests in parentheses.`])
  if (hasBlock && node.block === null) faults.push([node, `"${node.name}" needs a block in braces.`])
  if (!hasBlock && node.block !== null) faults.push([node, `"${node.name}" takes no block.`])
  return faults
}

function isKind(arg: SieveArgument | null | undefined, kind: ValueKind): boolean {
  if (!arg) return false
  if (kind === 'number') return arg.kind === 'number'
  return arg.kind === 'strings' && (kind === 'strings' || !arg.isList)
}

/** Of an argument that was checked. */
export function textsOf(arg: SieveArgument | null | undefined): string[] {
  return arg?.kind === 'strings' ? arg.values : []
}

export function textOf(arg: SieveArgument | null | undefined): string {
  return textsOf(arg)[0] ?? ''
}

export function numberOf(arg: SieveArgument | null | undefined): number {
  return arg?.kind === 'number' ? arg.value : 0
}
