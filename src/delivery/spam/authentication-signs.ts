/** Signs in what authentication found. */
import type { Authentication } from '../inbound/arrival.ts'
import { type Hit, hit } from './symbols.ts'

/**
 * What DMARC says of the author weighs most. Where a forwarder is known to stand between (`override`), a failure says
 * nothing of the author.
 */
export function authenticationSigns({ spf, dkim, dmarc, arc }: Authentication): Hit[] {
  const isForwarded =
    dmarc.override === 'forwarded' || dmarc.override === 'trusted_forwarder' || arc.result === 'pass'
  const hasValidSignature = dkim.some(({ result }) => result === 'pass')
  const isProved = spf.result === 'pass' || hasValidSignature
  const badSignature = hasValidSignature ? undefined : dkim.find(({ result }) => result === 'fail')
  return [
    ...(spf.result === 'fail' && !isForwarded ? [hit('SPF_FAIL', spf.domain ?? '')] : []),
    ...(spf.result === 'softfail' && !isForwarded ? [hit('SPF_SOFTFAIL', spf.domain ?? '')] : []),
    ...(badSignature && !isForwarded ? [hit('DKIM_FAIL', badSignature.domain)] : []),
    ...(isProved || isForwarded ? [] : [hit('NOTHING_PROVED')]),
    ...(dmarc.result === 'pass' ? [hit('DMARC_PASS', dmarc.domain ?? '')] : []),
    ...(dmarc.result === 'fail' && !isForwarded ? [dmarcFailure(dmarc)] : []),
  ]
}

function dmarcFailure({ policy, domain }: Authentication['dmarc']): Hit {
  if (policy === 'reject') return hit('DMARC_REJECT', domain ?? '')
  return hit(policy === 'quarantine' ? 'DMARC_QUARANTINE' : 'DMARC_FAIL', domain ?? '')
}
