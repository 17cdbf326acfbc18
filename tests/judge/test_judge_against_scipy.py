"""The judge's likelihood ratios are those of SciPy's distributions."""

import pytest
from scipy.stats import hypergeom, nchypergeom_fisher, poisson

from awsroll.core.judge.e_process import chance_of_bad, least_bad
from awsroll.core.judge.odds import Split, likelihood_ratios

ODDS = (1.0, 1.5, 6.0, 100.0)
SIZES = ((1, 9), (3, 7), (5, 5), (9, 1), (40, 60))


@pytest.mark.parametrize(("new", "old"), SIZES)
def test_likelihood_ratios_are_those_of_fishers_noncentral_hypergeometric_distribution(new, old):
    for bad in range(1, new + old):
        for new_bad in range(max(0, bad - old), min(new, bad) + 1):
            split = Split(new=new, old=old, new_bad=new_bad, old_bad=bad - new_bad)
            equal = hypergeom.pmf(new_bad, new + old, new, bad)
            worse = [nchypergeom_fisher.pmf(new_bad, new + old, new, bad, odds) for odds in ODDS]

            assert likelihood_ratios(split, ODDS) == pytest.approx([each / equal for each in worse], rel=1e-6)


def test_more_exposure_of_new_servers_is_an_odds_ratio_of_equally_good_versions():
    split = Split(new=3, old=7, new_bad=2, old_bad=1, exposure=2.5)
    equal = nchypergeom_fisher.pmf(2, 10, 3, 3, 2.5)
    worse = [nchypergeom_fisher.pmf(2, 10, 3, 3, 2.5 * odds) for odds in ODDS]

    assert likelihood_ratios(split, ODDS) == pytest.approx([each / equal for each in worse])


@pytest.mark.parametrize("mean", [0.05, 0.4, 1.0, 7.5, 60.0])
def test_bad_samples_have_the_chances_of_a_poisson_distribution(mean):
    least = least_bad(100, mean / 100)

    assert poisson.sf(least - 1, mean) <= 0.3
    assert least == 1 or poisson.sf(least - 2, mean) > 0.3
    assert chance_of_bad(100, 2 * mean / 100, usual=mean / 100) == pytest.approx(poisson.sf(least - 1, 2 * mean))
