/** The registrars of this platform, and which of them sells a name. */
import type { Platform } from '../../platform/platform.ts'
import { type Registrar, type RegistrarName, registrarNames } from './driver.ts'
import { createNamecom } from './namecom.ts'
import { createPorkbun } from './porkbun.ts'
import { createSandbox } from './sandbox.ts'

type Registrars = ReadonlyMap<RegistrarName, Registrar>

// The drivers keep the vendors' rates, so that there is one of each on a node.
const ofPlatform = new WeakMap<Platform, Registrars>()

function registrarsOf(platform: Platform): Registrars {
  const known = ofPlatform.get(platform)
  if (known) return known
  const made = [createSandbox(platform), createPorkbun(platform), createNamecom(platform)]
  const registrars = new Map(made.flatMap((one) => (one === null ? [] : [[one.name, one] as const])))
  ofPlatform.set(platform, registrars)
  return registrars
}

/** @returns null when its account is not set up (any more). */
export function findRegistrar(platform: Platform, name: RegistrarName): Registrar | null {
  return registrarsOf(platform).get(name) ?? null
}

export function isRegistrarName(text: string): text is RegistrarName {
  return registrarNames.some((name) => name === text)
}

/**
 * Who is asked for names of a suffix, in this order: those that MAILWRIGHT_REGISTRARS gives this suffix, else those that
 * it gives none. Only the sandbox sells .test, and it sells nothing else.
 */
export function sellersOf(platform: Platform, suffix: string): Registrar[] {
  const registrars = registrarsOf(platform)
  const pick = (names: readonly string[]): Registrar[] =>
    names.flatMap((name) => (isRegistrarName(name) ? (registrars.get(name) ?? []) : []))
  if (suffix === 'test') return pick(['sandbox'])
  const rules = platform.config.registrars.map((rule) => rule.split(':'))
  const own = rules.filter(([, of]) => of === suffix).flatMap(([name = '']) => name)
  return pick(
    own.length > 0 ? own : rules.filter(([, of]) => of === undefined).flatMap(([name = '']) => name),
  )
}
