/** What a node has taken out of the queue and not written back: bounded as a whole, and for each domain. */
import type { Job } from './claim.ts'

export type Ledger = {
  readonly rows: number
  rowsOf(domain: string): number
  domains(): Iterable<string>
  add(job: Job): void
  remove(domain: string, rows: number): void
}

export function createLedger(): Ledger {
  const byDomain = new Map<string, number>()
  let rows = 0
  return {
    get rows() {
      return rows
    },
    rowsOf: (domain) => byDomain.get(domain) ?? 0,
    domains: () => byDomain.keys(),
    add({ recipients }) {
      for (const { domain } of recipients) byDomain.set(domain, (byDomain.get(domain) ?? 0) + 1)
      rows += recipients.length
    },
    remove(domain, count) {
      rows -= count
      const left = (byDomain.get(domain) ?? 0) - count
      if (left > 0) byDomain.set(domain, left)
      else byDomain.delete(domain)
    },
  }
}
