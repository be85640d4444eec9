/** Targets: the addresses that mail goes on to, checked where they are set, so that nobody learns it from a bounce. */
import { isSandboxName } from '../domains/names.ts'
import type { Tx } from '../platform/database.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { type Address, parseAddress } from './address.ts'
import { findServedDomain, routeAddress } from './routing.ts'

/** Who forwards. */
export type ForwardingAddress = { address: string; domain: string; workspaceId: string }

/**
 * The targets in their canonical form, each once.
 * @param pointer where they stand in the request.
 * @throws Refusal forward_target_invalid.
 */
export async function requireTargets(
  platform: Platform,
  tx: Tx,
  from: ForwardingAddress,
  texts: readonly string[],
  pointer = '/targets',
): Promise<string[]> {
  const targets = new Set<string>()
  const fields: FieldProblem[] = []
  for (const [index, text] of texts.entries()) {
    const parsed = parseAddress(text)
    const problem = parsed.ok ? await problemOf(platform, tx, from, parsed.value) : parsed.problem
    if (problem !== null) fields.push({ pointer: `${pointer}/${index}`, detail: `"${text}" ${problem}.` })
    else if (parsed.ok) targets.add(parsed.value.address)
  }
  if (fields.length > 0) throw new Refusal('forward_target_invalid', fields[0]?.detail, { fields })
  return [...targets]
}

async function problemOf(
  platform: Platform,
  tx: Tx,
  from: ForwardingAddress,
  target: Address,
): Promise<string | null> {
  if (target.address === from.address) return 'is the address itself'
  const domain = await findServedDomain(platform, target.domain, tx)
  if (domain === null) {
    if (isSandboxName(target.domain)) return 'is in a sandbox domain that is not connected here'
    return from.domain.endsWith('.test')
      ? 'is not on this platform, which mail of a sandbox domain never leaves'
      : null
  }
  // What another workspace has is not told here.
  if (domain.workspaceId !== from.workspaceId) return null
  const routing = await routeAddress(platform, target, tx)
  return routing.kind === 'unknown' ? 'is an unknown address of your own domain' : null
}
