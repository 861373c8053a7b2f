"""Which tests `make test` leaves to `make thorough`: those that take long and find little more.

They are further cases of what shorter ones hold, or faults planted in tools, and tests of those
that only authors run. Each is named by a regular expression for its id; one that fits no test of
its file ends the run.
"""

import re
from collections.abc import Iterable

import pytest

FURTHER_CASES = (
    r"dynamics/test_exponential.py::test_it_agrees_with_the_explicit_method\[(residual|convol).*",
    r"dynamics/test_outputs.py::test_digits_are_told_apart",
    (
        r"kernels/test_analytic.py::test_analytic_kernel_is_the_recursion"
        r"\[convolutional-(gelu|softplus|tanh).*"
    ),
    (
        r"kernels/test_analytic.py::test_empirical_kernels_approach_the_analytic_one.*"
        r"\[(convolutional-(erf|gelu|tanh)|softplus|gelu|tanh-1).*"
    ),
    (
        r"kernels/test_empirical.py::test_every_method_and_neural_tangents_agree"
        r"\[(lenet|residual-|channels|valid|dense asi|image asi).*"
    ),
    r"kernels/test_gram.py::test_products_without_the_gram_matrix\[image\]",
    r"kernels/test_routes.py::test_any_pieces_make_the_same_matrix\[(channels|image-None|dense-2).*",
    r"kernels/test_routes.py::test_blocks_keep_to_the_budget\[(lenet|image|channels-layers).*",
    (
        r"networks/test_architectures.py::test_antisymmetric_start_is_zero_and_keeps_the_kernel"
        r"\[(convolutional-(erf|gelu|softplus|tanh)|erf-1|gelu|softplus|tanh|residual-tanh).*"
    ),
    r"networks/test_covariance_maps.py::test_gradients_are_those_of_neural_tangents\[erf\]",
    (
        r"networks/test_covariance_maps.py::test_kernel_is_what_neural_tangents_computes"
        r"\[(even|valid|shallow).*"
    ),
    r"networks/test_covariance_maps.py::test_second_derivatives_are_differences_of_the_first\[erf\]",
    (
        r"networks/test_covariances.py::test_few_and_many_layers_make_the_same_kernel_and_gradient"
        r"\[(erf|.*False).*"
    ),
    r"networks/test_covariances.py::test_gradient_where_points_coincide_or_are_opposite\[.*False\]",
    (
        r"networks/test_covariances.py::test_kernel_is_exact_at_angles_where_products_take_over"
        r"\[.*-(10|30|100)-.*"
    ),
    (
        r"networks/test_covariances.py::test_kernel_is_exact_where_points_coincide"
        r"\[(many|deep|short).*False\]"
    ),
    (
        r"networks/test_covariances.py::test_second_derivatives_are_differences_of_the_first"
        r"\[(relu-8|relu-1-False|erf-1).*"
    ),
    r"networks/test_frameworks.py::test_kernel_is_that_of_the_models_own_jacobian\[.*-dense\]",
    r"networks/test_hermite.py::test_kernels_are_those_of_the_closed_forms\[Gelu\]",
    (
        r"networks/test_programs.py::test_shared_programs_give_the_kernel_of_each_shape"
        r"\[.*(relu-float32|(1-300-1|17-5-3|200-70-16)-erf-float32)\]"
    ),
    r"networks/test_weight_std.py::test_kernel_is_that_of_neural_tangents\[.*(relu|gelu)\]",
    r"networks/test_weight_std.py::test_mean_over_draws_is_the_kernel\[.*(relu|tanh).*",
    r"spectrum/test_sphere.py::test_eigenvalues_against_forty_digits\[100\]",
    r"studies/test_command.py::test_an_interrupted_study_goes_on",
    r"studies/test_costs.py::test_memory_of_kernel_flows.*",
    r"studies/test_named.py::test_every_architecture_takes_images\[.*depth [13]\]",
    r"studies/test_named.py::test_other_measures_are_an_axis\[digits\]",
    r"theory/test_guarantees.py::test_the_interval_covers_the_truth",
)

TOOLS = (
    r"book/test_browser.py::test_a_figure_that_does_not_work_is_found.*",
    r"book/test_browser.py::test_planted_fault_is_found.*",
    r"book/test_browser.py::test_the_data_of_a_figure_with_a_slider_can_be_had",
    r"book/test_builds.py::test_a_warning_fails_every_build_until_its_page_is_mended",
    r"book/test_builds.py::test_pages_are_written_when_what_they_show_has_changed",
    r"book/test_builds.py::test_scale_of_a_build",
    r"book/test_chapters.py::test_pages_with_sliders_have_no_problem",
    r"book/test_glance.py::test_a_(choice_that_shows_everything_is_noticed|verdict_can_be_chosen)",
    r"book/test_live.py::test_a_(page_that_draws_seldom_is_noticed|preset_sets_what_it_says.*)",
    r"book/test_live.py::test_a_shared_link_trains_the_same_network",
    r"book/test_live.py::test_half_of_all_frames_show_a_step",
    r"book/test_live.py::test_(gradients_are_faster_than_plain_ones|slow_gradients_are_noticed)",
    r"book/test_live.py::test_who_wants_less_motion_starts_it",
    r"book/test_pdf.py::test_a_book_that_is_too_long_is_written_and_refused",
    r"book/test_slides.py::test_a_browser_shows_and_prints_every_slide",
    r"project/test_benchmark_jobs.py::test_.*",
    r"project/test_benchmark_sides.py::test_(a_failed_job|a_failure_costs|memory_is_each).*",
)


def mark(items: Iterable[pytest.Item], *, whole: bool) -> None:
    """Marks the tests that are named as long.

    Args:
      items: the tests that were collected.
      whole: whether all tests of their files are among them.

    Raises:
      pytest.UsageError: an expression fits no test of its file.
    """
    ids = {item.nodeid.removeprefix("tests/"): item for item in items}
    files = {name.split("::")[0] for name in ids}
    for name in (*FURTHER_CASES, *TOOLS):
        fitting = [item for each, item in ids.items() if re.fullmatch(name, each)]
        if whole and not fitting and name.split("::")[0] in files:
            raise pytest.UsageError(f"tests/tiers.py names {name!r}, which fits no test.")
        for item in fitting:
            item.add_marker(pytest.mark.long)
