/** The learning rate of an epoch, which counts from 0. */
export type Schedule = (epoch: number) => number;

/** The same rate throughout. */
export const constantSchedule =
  (rate: number): Schedule =>
  () =>
    rate;

/** The rate times `factor` after every `period` epochs, as `torch.optim.lr_scheduler.StepLR`. */
export function stepSchedule(rate: number, period: number, factor: number): Schedule {
  return (epoch) => rate * factor ** Math.floor(epoch / Math.max(1, period));
}

/**
 * Half a cosine from `rate` to `minimum` over `epochs` epochs (Loshchilov and Hutter, 2017). The period is
 * counted in epochs, the unit it is stepped in (the authors' code counts batches but steps epochs).
 */
export function cosineSchedule(rate: number, epochs: number, minimum = 0): Schedule {
  return (epoch) =>
    minimum +
    ((rate - minimum) * (1 + Math.cos((Math.PI * Math.min(epoch, epochs)) / Math.max(1, epochs)))) / 2;
}

/** A schedule by steps whose first `steps` steps rise evenly to its values. */
export function warmedUp(schedule: Schedule, steps: number): Schedule {
  return (step) => schedule(step) * Math.min(1, (step + 1) / Math.max(1, steps));
}
