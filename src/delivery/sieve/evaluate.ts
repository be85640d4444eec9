/** Runs a checked script over what is known of a message. It only says what should be done. */
import { subAddressSeparator } from '../../mailboxes/address.ts'
import type { Position, SieveProblem } from './lexer.ts'
import { sieveLimits } from './limits.ts'
import { type Budget, matchesAny } from './match.ts'
import type { AddressPart, SieveAction, SieveProgram, SieveStatement, SieveTest } from './program.ts'

export type MailAddress = { localPart: string; domain: string }

/** What a script can ask. Names of fields are in lower case. */
export type MessageFacts = {
  /** The values of a field, each unfolded and decoded (RFC 2047). */
  header(name: string): readonly string[]
  addresses(name: string): readonly MailAddress[]
  /** The reverse path (null is the null sender) and the recipient. */
  envelope: { from: MailAddress | null; to: MailAddress }
  sizeBytes: number
  hasFolder(path: string): boolean
}

export type SieveOutcome = {
  actions: (Exclude<SieveAction, { kind: 'keep' | 'fileinto' }> | FilingAction)[]
  /** The flags for an implicit keep, or null when an action has cancelled it (RFC 5228 §2.10.2). */
  implicitKeep: { flags: string[] } | null
  /** Why it ended early: then no action counts but the implicit keep (RFC 5228 §2.10.6). */
  failure: SieveProblem | null
}

/** With the flags that it comes to. */
export type FilingAction = Extract<SieveAction, { kind: 'keep' | 'fileinto' }> & { flags: string[] }

class RuntimeFailure extends Error {}

type Run = {
  facts: MessageFacts
  budget: Budget
  actions: SieveOutcome['actions']
  isKept: boolean
  flags: string[]
  /** Where it is, for what fails. */
  at: Position
}

export function evaluateSieve(program: SieveProgram, facts: MessageFacts): SieveOutcome {
  const run: Run = {
    facts,
    budget: createBudget(sieveLimits.stepsMax),
    actions: [],
    isKept: true,
    flags: [],
    at: { line: 1, column: 1 },
  }
  try {
    runBlock(run, program.statements)
  } catch (error) {
    if (!(error instanceof RuntimeFailure)) throw error
    return { actions: [], implicitKeep: { flags: [] }, failure: { ...run.at, detail: error.message } }
  }
  return { actions: run.actions, implicitKeep: run.isKept ? { flags: run.flags } : null, failure: null }
}

function createBudget(characters: number): Budget {
  let left = characters
  return {
    spend(count) {
      left -= count
      if (left < 0) throw new RuntimeFailure('The tests of this script take too long on this message.')
    },
  }
}

/** @returns whether the script stops. */
function runBlock(run: Run, statements: readonly SieveStatement[]): boolean {
  for (const statement of statements) {
    const { line, column } = statement
    run.at = { line, column }
    switch (statement.kind) {
      case 'stop':
        return true
      case 'flags':
        run.flags = changeFlags(run.flags, statement.change, statement.flags)
        break
      case 'action':
        act(run, statement.action)
        break
      case 'if': {
        const taken = statement.branches.find(({ test }) => holds(run, test))
        if (taken && runBlock(run, taken.body)) return true
      }
    }
  }
  return false
}

function act(run: Run, action: SieveAction): void {
  if (run.actions.length >= sieveLimits.actionsMax)
    throw new RuntimeFailure(`A message may come to at most ${sieveLimits.actionsMax} actions.`)
  if (action.kind === 'redirect' && countOf(run, 'redirect') >= sieveLimits.redirectsMax)
    throw new RuntimeFailure(`A message may be redirected at most ${sieveLimits.redirectsMax} times.`)
  // RFC 5230 §4.7.
  if (action.kind === 'vacation' && countOf(run, 'vacation') > 0)
    throw new RuntimeFailure('"vacation" may be used once for a message.')
  if (action.kind === 'keep' || action.kind === 'fileinto') {
    run.actions.push({ ...action, flags: action.flags ?? run.flags })
  } else run.actions.push(action)
  // RFC 3894 §3, RFC 5230 §4.7.
  const isBeside = action.kind === 'vacation' || ('isCopy' in action && action.isCopy)
  if (!isBeside) run.isKept = false
}

function countOf(run: Run, kind: SieveAction['kind']): number {
  return run.actions.filter((action) => action.kind === kind).length
}

/** RFC 5232 §3: flags are the same in any case. */
function changeFlags(
  flags: readonly string[],
  change: 'setflag' | 'addflag' | 'removeflag',
  named: readonly string[],
): string[] {
  const start = change === 'setflag' ? [] : flags
  const names = new Set(named.map((one) => one.toLowerCase()))
  const others = start.filter((one) => !names.has(one.toLowerCase()))
  if (change === 'removeflag') return others
  return [...others, ...new Map(named.map((one) => [one.toLowerCase(), one])).values()]
}

function holds(run: Run, test: SieveTest): boolean {
  const { facts, budget } = run
  budget.spend(1)
  switch (test.kind) {
    case 'true':
      return true
    case 'false':
      return false
    case 'not':
      return !holds(run, test.test)
    case 'allof':
      return test.tests.every((one) => holds(run, one))
    case 'anyof':
      return test.tests.some((one) => holds(run, one))
    case 'exists':
      return test.names.every((name) => facts.header(name).length > 0)
    case 'size':
      return test.over ? facts.sizeBytes > test.bytes : facts.sizeBytes < test.bytes
    case 'header':
      return matchesAny(
        test.matcher,
        test.names.flatMap((name) => facts.header(name)),
        budget,
      )
    case 'address': {
      const addresses = test.names.flatMap((name) => facts.addresses(name))
      return matchesAny(
        test.matcher,
        addresses.flatMap((one) => partOf(one, test.part)),
        budget,
      )
    }
    case 'envelope':
      return matchesAny(
        test.matcher,
        test.names.flatMap((name) => envelopePart(run, test, name)),
        budget,
      )
    case 'hasflag':
      return matchesAny(test.matcher, run.flags, budget)
    case 'mailboxexists':
      return test.folders.every((path) => facts.hasFolder(path))
  }
}

function envelopePart(
  { facts }: Run,
  { part, matcher }: Extract<SieveTest, { kind: 'envelope' }>,
  name: 'from' | 'to',
): string[] {
  const address = facts.envelope[name]
  if (address !== null) return partOf(address, part)
  // RFC 5228 §5.4: the null sender is an empty text, whichever part is asked for; RFC 5231 §5 counts it as none.
  return matcher.kind === 'count' ? [] : ['']
}

/** RFC 5233 §4: without a separator there is no detail, which nothing matches. */
function partOf({ localPart, domain }: MailAddress, part: AddressPart): string[] {
  const at = localPart.indexOf(subAddressSeparator)
  switch (part) {
    case 'all':
      return [domain === '' ? localPart : `${localPart}@${domain}`]
    case 'localpart':
      return [localPart]
    case 'domain':
      return [domain]
    case 'user':
      return [at < 0 ? localPart : localPart.slice(0, at)]
    case 'detail':
      return at < 0 ? [] : [localPart.slice(at + 1)]
  }
}
