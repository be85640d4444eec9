/**
 * Reservations: recipients that this node has admitted at RCPT and that are not queued yet. They count as used, so that
 * transactions that run side by side do not each get the last place. One that comes to nothing (RSET, a connection that
 * broke) is forgotten after a minute.
 */

export type Reserved = { recipients: number; newRecipients: number }

export type Reservations = {
  add(scopeId: string, isNew: boolean): void
  /** They are queued: the rows count them now. */
  settle(scopeId: string, reserved: Reserved): void
  of(scopeId: string): Reserved
}

type Bucket = Reserved & { expiresAtMs: number }

const reservedMsMax = 60_000
const bucketMs = 5_000
const scopesMax = 100_000

/** @param nowMs for tests; a clock that never goes back. */
export function createReservations(nowMs: () => number = () => performance.now()): Reservations {
  const scopes = new Map<string, Bucket[]>()

  const living = (scopeId: string): Bucket[] => {
    const buckets = scopes.get(scopeId) ?? []
    while (buckets[0] && (buckets[0].expiresAtMs <= nowMs() || isEmpty(buckets[0]))) buckets.shift()
    if (buckets.length === 0) scopes.delete(scopeId)
    return buckets
  }
  return {
    add(scopeId, isNew) {
      const buckets = living(scopeId)
      const expiresAtMs = nowMs() + reservedMsMax
      const last = buckets.at(-1)
      const isOpen = last !== undefined && expiresAtMs - last.expiresAtMs < bucketMs
      const bucket = isOpen ? last : { recipients: 0, newRecipients: 0, expiresAtMs }
      bucket.recipients += 1
      if (isNew) bucket.newRecipients += 1
      if (!isOpen) buckets.push(bucket)
      scopes.delete(scopeId)
      scopes.set(scopeId, buckets)
      const [oldest] = scopes.keys()
      if (scopes.size > scopesMax && oldest !== undefined) scopes.delete(oldest)
    },
    settle(scopeId, { recipients, newRecipients }) {
      let left = recipients
      let leftNew = newRecipients
      for (const bucket of living(scopeId)) {
        const taken = Math.min(left, bucket.recipients)
        const takenNew = Math.min(leftNew, bucket.newRecipients)
        bucket.recipients -= taken
        bucket.newRecipients -= takenNew
        left -= taken
        leftNew -= takenNew
      }
      living(scopeId)
    },
    of(scopeId) {
      const total = { recipients: 0, newRecipients: 0 }
      for (const { recipients, newRecipients } of living(scopeId)) {
        total.recipients += recipients
        total.newRecipients += newRecipients
      }
      return total
    },
  }
}

function isEmpty({ recipients, newRecipients }: Bucket): boolean {
  return recipients === 0 && newRecipients === 0
}
