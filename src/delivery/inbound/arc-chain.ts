/** What an ARC chain (RFC 8617) says: who sealed, and whether that vouches for a message that forwarding changed. */
import type { ARCResult } from 'mailauth'

/** The d= of each seal, the oldest first; empty text where there is none. */
export function sealersOf(arc: ARCResult | null): string[] {
  return chainOf(arc).map((entry) => {
    const value = memberOf(entry['arc-seal']?.parsed, 'd')
    return typeof value === 'string' ? value.toLowerCase() : ''
  })
}

/** RFC 8617 §7.2.1: the chain holds, every sealer is trusted, and the first of them saw DMARC pass. */
export function isVouchedFor(arc: ARCResult | null, trusted: readonly string[]): boolean {
  const sealers = sealersOf(arc)
  if (arc?.status.result !== 'pass' || sealers.length === 0) return false
  const [first, ...later] = chainOf(arc)
  // mailauth has moved the results of the youngest set, which may be the first as well, out of the chain.
  const seenFirst =
    later.length > 0 ? first?.['arc-authentication-results']?.parsed : arc.authenticationResults
  const seen = memberOf(seenFirst, 'dmarc')
  return seen === 'pass' && sealers.every((sealer) => trusted.includes(sealer))
}

function chainOf(arc: ARCResult | null): NonNullable<ARCResult['chain']>[number][] {
  return (arc?.chain || []).toSorted((a, b) => a.i - b.i)
}

/** The value of a tag as mailauth parsed it; of the youngest results it calls the value `result`. */
function memberOf(parsed: unknown, name: string): unknown {
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const found: unknown = Object.entries(parsed).find(([key]) => key === name)?.[1]
  if (typeof found !== 'object' || found === null) return undefined
  if ('value' in found) return found.value
  return 'result' in found ? found.result : undefined
}
