/** What a refusal of another server means. */
import type { Classified, RemoteReply } from './classes.ts'
import { type Rule, rules } from './rules.ts'

export type { BounceClass, Classified, RemoteReply } from './classes.ts'

/** What a reply means, by the table in rules.ts. */
export function classifyReply(reply: RemoteReply): Classified {
  return classifyBy(rules, reply)
}

/** The same by a table of the caller's. */
export function classifyBy(table: readonly Rule[], { code, enhanced, text, stage }: RemoteReply): Classified {
  const words = text.slice(0, textLengthMax).replace(/\s+/g, ' ')
  // qmail and its kin write the enhanced code into the text.
  const seen = { code: String(code), enhanced: enhanced ?? writtenCode.exec(words)?.[1] ?? '', words, stage }
  const rule = table.find((one) => fits(one, seen))
  return {
    class: rule?.class ?? 'other',
    isPermanent: rule?.isPermanent ?? code >= 500,
    concerns: rule?.concerns ?? 'destination',
  }
}

const textLengthMax = 2000
const writtenCode = /#([245]\.\d{1,3}\.\d{1,3})\b/

type Seen = { code: string; enhanced: string; words: string; stage: RemoteReply['stage'] }

function fits(rule: Rule, { code, enhanced, words, stage }: Seen): boolean {
  return (
    (rule.code?.test(code) ?? true) &&
    (rule.enhanced?.test(enhanced) ?? true) &&
    (rule.stages?.includes(stage) ?? true) &&
    (rule.text?.test(words) ?? true)
  )
}
