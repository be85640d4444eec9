/** Who a transaction works for, so that what it changes can be laid at somebody's door (audit-schema.ts). */
import type { Tx } from './database.ts'

const actors = new WeakMap<Tx, string>()

/** Says so of a transaction, before it writes. @param actor as a Scope has it: `api_key:ID`, `session:ID`. */
export function nameActor(tx: Tx, actor: string): void {
  actors.set(tx, actor)
}

/** Null: nobody asked for it, it is the program's own work or that of a mail protocol. */
export function actorOf(tx: Tx): string | null {
  return actors.get(tx) ?? null
}
