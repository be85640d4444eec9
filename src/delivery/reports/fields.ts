/** Reading values that a stranger wrote: each function gives the value in its type, or says that there is none. */
import { reportLimits } from './limits.ts'

/** A property of something that may be anything. */
export function child(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined
}

/** A list: one thing alone is a list of one, nothing is an empty one. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined || value === null || value === '' ? [] : [value]
}

/** A text of bounded length, without control characters; null for anything else. */
export function textOf(value: unknown): string | null {
  const text = typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null
  if (text === null) return null
  const clean = text.replace(/\p{Cc}+/gu, ' ').trim()
  return clean === '' ? null : clean.slice(0, reportLimits.textLengthMax)
}

/** A whole number from 0 on. */
export function countOf(value: unknown): number | null {
  const text = textOf(value)
  if (text === null || !/^\d{1,15}$/.test(text)) return null
  return Number(text)
}

/** One of some words, in any case. */
export function wordOf<const T extends string>(value: unknown, words: readonly T[]): T | null {
  const text = textOf(value)?.toLowerCase()
  return words.find((word) => word === text) ?? null
}

/** A domain name in lower case without its final dot; it is compared and shown, never looked up. */
export function domainOf(value: unknown): string | null {
  return textOf(value)?.toLowerCase().replace(/\.$/, '') ?? null
}

// No report is older than the format, and none comes from the future.
const earliest = Date.UTC(2010, 0)
const latest = Date.UTC(2200, 0)

export function momentOf(milliseconds: number): Date | null {
  return milliseconds >= earliest && milliseconds < latest ? new Date(milliseconds) : null
}
