/**
 * `npm run bench -- NAME …`: runs the named benchmarks one after the other, or all of them; one table each. NAME=COUNT
 * takes another size, where there is one.
 */
import { api } from './api.ts'
import { billing } from './billing.ts'
import { dialects } from './dialects.ts'
import { dns } from './dns.ts'
import { domainChecks } from './domain-checks.ts'
import { events } from './events.ts'
import { exports } from './exports.ts'
import { idle } from './idle.ts'
import { imap } from './imap.ts'
import { inbound } from './inbound.ts'
import { large } from './large.ts'
import { mailboxes } from './mailboxes.ts'
import { memory } from './memory.ts'
import { messages } from './messages.ts'
import { outbound, queue } from './outbound.ts'
import { pages } from './pages.ts'
import { provision } from './provision.ts'
import { search } from './search.ts'
import { smtp } from './smtp.ts'
import { printTable, type Row } from './table.ts'
import { webhooks } from './webhooks.ts'

const benchmarks: Readonly<Record<string, (count?: number) => Promise<Row[]>>> = {
  provision,
  mailboxes,
  smtp,
  inbound,
  memory,
  imap,
  idle,
  api,
  pages,
  large,
  search,
  messages,
  outbound,
  queue,
  dns,
  'domain-checks': domainChecks,
  events,
  webhooks,
  billing,
  dialects,
  exports,
}

const counts = new Map(
  process.argv.slice(2).map((text) => [text.split('=')[0] ?? '', Number(text.split('=')[1])]),
)
const wanted = [...counts.keys()]
const unknown = wanted.filter((name) => !(name in benchmarks))
if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark ${unknown.join(', ')}: ${Object.keys(benchmarks).join(', ')}.\n`,
  )
  process.exit(2)
}
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  printTable(name, await benchmark(counts.get(name) || undefined))
}
