/** The grammar of Sieve (RFC 5228 §8.2): commands with arguments, tests and blocks, whatever their names mean. */
import { lex, type Position, type SieveProblem, SieveSyntaxError, type Token } from './lexer.ts'
import { sieveLimits } from './limits.ts'

export type SieveArgument = Position &
  (
    | { kind: 'tag'; name: string }
    | { kind: 'number'; value: number }
    | { kind: 'strings'; values: string[]; isList: boolean }
  )

/** A command, or a test. */
export type SieveNode = Position & {
  name: string
  args: SieveArgument[]
  tests: SieveNode[]
  /** Whether the tests stood in parentheses. */
  isTestList: boolean
  /** Null where a semicolon stood. */
  block: SieveNode[] | null
}

export type ParsedScript = { ok: true; commands: SieveNode[] } | { ok: false; problem: SieveProblem }

/** Never throws; the first mistake ends it. */
export function parseSieve(script: string): ParsedScript {
  try {
    const reader: Reader = { tokens: lex(script), at: 0, nodes: 0 }
    const commands = readCommands(reader, 0)
    const token = peek(reader)
    if (token.kind !== 'end') throw new SieveSyntaxError(token, `${nameOf(token)} has nothing to close.`)
    return { ok: true, commands }
  } catch (error) {
    if (error instanceof SieveSyntaxError) return { ok: false, problem: error.problem }
    throw error
  }
}

type Reader = { tokens: Token[]; at: number; nodes: number }

function peek({ tokens, at }: Reader): Token {
  return tokens[at] ?? { kind: 'end', line: 1, column: 1 }
}

function take(reader: Reader, mark: string): boolean {
  const token = peek(reader)
  if (token.kind !== 'mark' || token.text !== mark) return false
  reader.at++
  return true
}

function expect(reader: Reader, mark: string, where: string): void {
  if (take(reader, mark)) return
  const token = peek(reader)
  throw new SieveSyntaxError(token, `"${mark}" is missing ${where}; ${nameOf(token)} is not expected.`)
}

/** Up to the end, or a closing brace. */
function readCommands(reader: Reader, depth: number): SieveNode[] {
  const commands: SieveNode[] = []
  for (;;) {
    const token = peek(reader)
    if (token.kind === 'end' || (token.kind === 'mark' && token.text === '}')) return commands
    const command = readNode(reader, 0)
    if (take(reader, '{')) {
      if (depth >= sieveLimits.depthMax) throw tooDeep(token, 'Blocks')
      command.block = readCommands(reader, depth + 1)
      expect(reader, '}', 'at the end of the block')
    } else expect(reader, ';', `behind "${command.name}"`)
    commands.push(command)
  }
}

/** A name with its arguments and tests. */
function readNode(reader: Reader, depth: number): SieveNode {
  const token = peek(reader)
  if (token.kind !== 'word')
    throw new SieveSyntaxError(token, `A command or a test is expected, not ${nameOf(token)}.`)
  if (depth > sieveLimits.depthMax) throw tooDeep(token, 'Tests')
  if (++reader.nodes > sieveLimits.nodesMax) {
    throw new SieveSyntaxError(token, `A script may have at most ${sieveLimits.nodesMax} commands and tests.`)
  }
  reader.at++
  const { line, column } = token
  const node: SieveNode = {
    line,
    column,
    name: token.text,
    args: [],
    tests: [],
    isTestList: false,
    block: null,
  }
  for (let arg = readArgument(reader); arg !== null; arg = readArgument(reader)) node.args.push(arg)
  if (peek(reader).kind === 'word') node.tests.push(readNode(reader, depth + 1))
  else if (take(reader, '(')) {
    node.isTestList = true
    do node.tests.push(readNode(reader, depth + 1))
    while (take(reader, ','))
    expect(reader, ')', 'at the end of the tests')
  }
  return node
}

function readArgument(reader: Reader): SieveArgument | null {
  const token = peek(reader)
  const { line, column } = token
  if (token.kind === 'string') {
    reader.at++
    return { line, column, kind: 'strings', values: [token.text], isList: false }
  }
  if (token.kind === 'number') {
    reader.at++
    return { line, column, kind: 'number', value: token.value }
  }
  if (token.kind === 'tag') {
    reader.at++
    return { line, column, kind: 'tag', name: token.text }
  }
  if (!take(reader, '[')) return null
  const values: string[] = []
  do {
    const item = peek(reader)
    if (item.kind !== 'string')
      throw new SieveSyntaxError(item, `A text in quotes is expected in the list, not ${nameOf(item)}.`)
    values.push(item.text)
    reader.at++
  } while (take(reader, ','))
  expect(reader, ']', 'at the end of the list')
  return { line, column, kind: 'strings', values, isList: true }
}

function tooDeep(at: Position, what: string): SieveSyntaxError {
  return new SieveSyntaxError(at, `${what} may lie at most ${sieveLimits.depthMax} deep.`)
}

function nameOf(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end of the script'
    case 'string':
      return 'a text'
    case 'number':
      return `the number ${token.value}`
    default:
      return `"${token.text}"`
  }
}
