/** Arguments of GETQUOTA, GETQUOTAROOT and SETQUOTA: RFC 9208 §7. */
import type { CommandOf } from './commands.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { Reader } from './reader.ts'

/** "GETQUOTA" SP quota-root-name */
export function parseGetQuota(reader: Reader): Omit<CommandOf<'GETQUOTA'>, 'tag'> {
  reader.space()
  return { name: 'GETQUOTA', root: reader.astring() }
}

/** "GETQUOTAROOT" SP mailbox */
export function parseGetQuotaRoot(reader: Reader): Omit<CommandOf<'GETQUOTAROOT'>, 'tag'> {
  reader.space()
  return { name: 'GETQUOTAROOT', mailbox: reader.mailbox() }
}

/** "SETQUOTA" SP quota-root-name SP "(" [resource-name SP number64 *(SP ...)] ")" */
export function parseSetQuota(reader: Reader): Omit<CommandOf<'SETQUOTA'>, 'tag'> {
  reader.space()
  const root = reader.astring()
  reader.space()
  const limits = reader.list(imapSyntaxLimits.quotaResourcesMax, () => {
    const resource = reader.atom().toUpperCase()
    reader.space()
    return [resource, reader.number64()] as const
  })
  return { name: 'SETQUOTA', root, limits }
}
