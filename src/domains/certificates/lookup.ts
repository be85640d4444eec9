/** The certificate that a listener shows for the name that a client asked for. */
import type { Platform } from '../../platform/platform.ts'
import type { TlsMaterial } from '../../platform/tls.ts'
import { privateKeyContext } from '../reseal.ts'

/** @param names the first that has a certificate counts. @throws VaultError when its key does not open. */
export async function findCertificate(
  { db, vault, clock }: Platform,
  names: readonly string[],
): Promise<TlsMaterial | null> {
  const rows = await db
    .selectFrom('certificates')
    .select(['id', 'host_name', 'chain_pem', 'sealed_private_key'])
    .where('host_name', 'in', [...names])
    .where('not_after', '>', clock.now())
    .execute()
  const [best] = rows.sort((a, b) => names.indexOf(a.host_name) - names.indexOf(b.host_name))
  if (!best || best.chain_pem === null || best.sealed_private_key === null) return null
  const key = vault.open(best.sealed_private_key, privateKeyContext('certificates', best.id))
  return { certPem: best.chain_pem, keyPem: key.toString() }
}

/** Whether an event changes what `findCertificate` finds. */
export function changesCertificates({ type }: { type: string }): boolean {
  return type === 'certificate.issued' || type === 'certificate.removed'
}
