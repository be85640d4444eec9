/** Names under .test, which never leave (RFC 6761 §6.2). */
import type { Job } from './claim.ts'

export function isSandboxAddress({ recipients }: Job): boolean {
  const domain = recipients[0]?.domain ?? ''
  return domain === 'test' || domain.endsWith('.test')
}
